"""Quality against the time that it takes: a point for each cell, and the front that no cell beats."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

from dcbench.analysis.results import select_first_repeats
from dcbench.analysis.statistics.cells import summarise_cells
from dcbench.analysis.statistics.effects import find_largest_effect
from dcbench.analysis.statistics.ranks import find_pareto_front
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import METRICS
from dcbench.core.text import plural
from dcbench.figures import list_values, select_references, select_rows
from dcbench.figures.style.captions import add_note, describe_rules, describe_timing, format_axis_value, shorten, wrap
from dcbench.figures.style.encoding import MARKERS, get_colour, get_marker
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.noise import describe_floor, draw_floor_bars, list_floor_bars, make_bar_handle
from dcbench.figures.style.theme import COLOURS, GREY, MAX_WIDTH, TEXT_SIZE

FACTS = {
    "title": "Quality against time",
    "caption": "Each point is a cell, the mean over its seeds; faint: its single runs. Colours show the axis that "
    "changes the quality most, markers the one that changes the time most. Ringed, and on the line: cells that no "
    "other beats in both. At the right the levels to compare with: the untrained networks, and the baselines if "
    "there are any; grey where they are the same for all colours. Hollow: cells that lack seeds, never ringed.",
    "per_axis": False,
}

TEST_REFIT = "test_refit_nmi_true"
"""The score that can be compared whatever k is; where no run has it, the quality of the analysis stands in."""

MAX_ACROSS = 3
"""Datasets side by side."""

MAX_VECTOR_RUNS = 200
"""A panel with more runs is rasterised in vector formats."""

LEVELS = {
    "untrained": "untrained",
    "raw pixels": "pixels",
    "preprocessed pixels": "PCA pixels",
    "supervised": "supervised",
}
"""Level to compare with -> its label, in the order from left to right."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw a panel of cells for each dataset, and to its right the levels that its scores are compared with."""
    outcomes = analysis.outcome_by_name
    # The runs' own clusters are as many as their k, so they cannot be compared with the levels of the baselines.
    quality = TEST_REFIT if analysis.ruler == "own" and TEST_REFIT in outcomes else analysis.quality
    if quality not in outcomes or "seconds" not in outcomes:
        return None
    cells = summarise_cells(analysis.finals, analysis.planned, list(analysis.axes), [quality, "seconds"])

    # The axis that moves the quality most has the colours; of the others, the one that moves the time most has the
    # markers. Axes with more values than there are colours or markers would not be told apart.
    def effect_on(metric: str) -> Callable[[str], float]:
        return lambda name: find_largest_effect(analysis.effects, name, outcomes[metric])

    choices = {name: len(choice.values) for name, choice in analysis.axes.items() if not choice.is_condition}
    hues = [name for name, count in choices.items() if count <= len(COLOURS)]
    hue = max(hues, key=effect_on(quality), default=None)
    signs = [name for name, count in choices.items() if name != hue and count <= len(MARKERS)]
    sign = max(signs, key=effect_on("seconds"), default=None)

    # A panel for each dataset: their scores are never put on one scale
    condition = next((name for name, choice in analysis.axes.items() if choice.is_condition), None)
    values = list_values(analysis, condition)
    across, down = min(MAX_ACROSS, len(values)), -(-len(values) // MAX_ACROSS)
    figure = Figure(figsize=(min(MAX_WIDTH, max(5.0, 4.2 * across)), 0.6 + 2.9 * down), layout="constrained")
    grid = figure.add_gridspec(down, 2 * across, width_ratios=[3.4, 1] * across)
    for index, value in enumerate(values):
        row, column = divmod(index, across)
        panel = figure.add_subplot(grid[row, 2 * column])
        panel.set_title(wrap(format_axis_value(analysis, condition, value), 2, TEXT_SIZE) if condition else "")
        runs = select_rows(analysis.finals, condition, value)
        draw_cells(panel, analysis, select_rows(cells, condition, value), runs, quality, hue, sign)
        # The levels at the right share the scale of the scores
        levels = figure.add_subplot(grid[row, 2 * column + 1], sharey=panel)
        draw_levels(levels, analysis, collect_levels(analysis, quality, hue, condition, value), hue)
        draw_floor_bars(panel, list_floor_bars(analysis, quality, value if condition == "dataset" else None))
        if column == 0:
            panel.set_ylabel(METRICS[quality].axis_label)

    # The legend
    handles: list[Artist] = []
    if hue:
        for value in list_values(analysis, hue):
            text = f"{shorten(hue)} {format_axis_value(analysis, hue, value)}"
            handles.append(Line2D([], [], color=get_colour(analysis, hue, value), lw=4, label=text))
    if sign:
        for value in list_values(analysis, sign):
            text = f"{shorten(sign)} {format_axis_value(analysis, sign, value)}"
            handles.append(Line2D([], [], color=GREY, marker=get_marker(analysis, sign, value), ls="", label=text))
    handles.append(Line2D([], [], color=GREY, lw=1.2, marker="o", ms=9, mfc="none", label="no cell beats it"))
    floor_note = describe_floor(analysis, quality)
    if floor_note:
        handles.append(make_bar_handle())
    add_legend(figure, handles)

    # The note
    done, planned, lacking = cells["done"].sum(), cells["planned"].sum(), (cells["done"] < cells["planned"]).sum()
    gaps = f"; {plural(int(lacking), 'cell')} lack seeds" if lacking else ""
    counts = f"{plural(len(cells), 'cell')}, {done} of {planned} runs done{gaps}."
    rules = describe_rules(analysis, [quality, "seconds"])
    add_note(figure, counts, describe_timing(analysis.results.rows), floor_note, rules, grow=True)
    return figure


# --- the cells ------------------------------------------------------------------------------


def draw_cells(
    panel: Axes, analysis: Analysis, cells: pd.DataFrame, runs: pd.DataFrame, quality: str, hue: str | None,
    sign: str | None,
) -> None:  # fmt: skip
    """Draw the single runs, the cells, and the front of the cells that no other beats, on a logarithmic time scale."""
    # Single runs, unless every cell is one run
    style: dict[str, Any] = {"ls": "", "rasterized": len(runs) > MAX_VECTOR_RUNS}
    if cells["planned"].max() > 1:
        for colour, _, part in split_rows(runs, analysis, hue, sign):
            panel.plot(part["seconds"], part[quality], color=colour, marker="o", ms=2.5, alpha=0.4, mew=0, **style)

    # Cells, hollow where seeds are missing
    is_complete = cells["done"] == cells["planned"]
    for colour, marker, part in split_rows(cells, analysis, hue, sign):
        look: dict[str, Any] = {"color": colour, "marker": marker, "ms": 5, "alpha": 0.85} | style
        complete, incomplete = part[is_complete[part.index]], part[~is_complete[part.index]]
        panel.plot(complete["seconds"], complete[quality], mfc=colour, **look)
        panel.plot(incomplete["seconds"], incomplete[quality], mfc="none", **look)

    # The Pareto front of the complete cells: rings, and a line along them to the slowest cell
    complete = cells[is_complete]
    best = complete[find_pareto_front(*(complete[name].to_numpy(dtype=float) for name in ("seconds", quality)))]
    best = best.sort_values(["seconds", quality])
    panel.plot(best["seconds"], best[quality], color=GREY, marker="o", ms=9, mfc="none", mew=1, ls="", zorder=1)
    steps = [*best["seconds"], complete["seconds"].max()], [*best[quality], best[quality].max()]
    panel.plot(*steps, color=GREY, lw=1.2, drawstyle="steps-post", zorder=1)

    # The scale, with ticks that read as plain numbers even where all times lie within a factor of ten
    panel.set_xscale("log")
    seconds = runs["seconds"]
    is_wide = len(seconds) > 0 and seconds.max() > 10 * seconds.min() > 0
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 3)) if is_wide else MaxNLocator(4, steps=[1, 2, 5, 10]))
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel(METRICS["seconds"].axis_label)


def split_rows(
    frame: pd.DataFrame, analysis: Analysis, hue: str | None, sign: str | None
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield each colour and marker with the rows that have it."""
    for value, other in itertools.product(list_values(analysis, hue), list_values(analysis, sign)):
        part = select_rows(select_rows(frame, hue, value), sign, other)
        yield get_colour(analysis, hue, value), get_marker(analysis, sign, other), part


# --- the levels to compare with -------------------------------------------------------------


def collect_levels(
    analysis: Analysis, quality: str, hue: str | None, condition: str | None, dataset: object
) -> dict[str, list[tuple[Any, float]]]:
    """Return, for each level that exists, the mean score that belongs to each value of the colours' axis."""
    rows = analysis.results.rows
    fields = list(dict.fromkeys([quality, *(name for name in (condition, hue) if name)]))
    start = select_rows(select_first_repeats(rows[rows["epoch"] == 0])[fields], condition, dataset)
    datasets = select_rows(analysis.results.runs, condition, dataset)["dataset"].unique()
    levels: dict[str, list[tuple[Any, float]]] = {level: [] for level in LEVELS}
    for value in list_values(analysis, hue):
        scores = select_references(analysis, hue, value, quality, datasets)
        scores["untrained"] = select_rows(start, hue, value)[quality].mean()
        for level in LEVELS:
            if pd.notna(scores.get(level)):
                levels[level].append((value, scores[level]))
    return {level: pairs for level, pairs in levels.items() if pairs}


def draw_levels(panel: Axes, analysis: Analysis, levels: dict[str, list[tuple[Any, float]]], hue: str | None) -> None:
    """Draw a dash for each level and value, in the value's colour."""
    for place, pairs in enumerate(levels.values()):
        # One colour would claim a difference where all values have the same level, such as the score of pixels.
        is_common = len({score for _, score in pairs}) == 1
        for value, score in pairs:
            colour = GREY if is_common else get_colour(analysis, hue, value)
            panel.plot(place, score, color=colour, marker="_", ms=9, mew=2, ls="")
    panel.set_xticks(range(len(levels)), [LEVELS[level] for level in levels], rotation=90)
    panel.set_xlim(-0.7, max(len(levels), 1) - 0.3)
    panel.tick_params(axis="y", left=False, labelleft=False)
    panel.spines["left"].set_visible(False)
