"""Quality against the time that it takes: a point for each cell, and the front that no cell beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

from dcbench.analysis.statistics.cells import summarise_cells
from dcbench.analysis.statistics.effects import find_largest_effect
from dcbench.analysis.statistics.pareto import find_pareto_front
from dcbench.analysis.summary import Analysis, metric_spec
from dcbench.core.text import plural
from dcbench.figures import has_value
from dcbench.figures.style.captions import (
    add_note,
    describe_rules,
    describe_timing,
    format_axis_value,
    shorten,
    wrap,
)
from dcbench.figures.style.encoding import MARKERS, get_colour, get_marker
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.theme import COLOURS, GREY, MAX_WIDTH, TEXT_SIZE

FACTS = {
    "title": "Quality against time",
    "caption": "Each point is a cell, the mean over its seeds; faint: its single runs. Colour goes by the axis that "
    "moves the quality most, the marker by the one that moves the time most. Ringed, and on the line: cells that no "
    "other beats in both. At the right what the scores stand between: the untrained networks, and the baselines if "
    "there are any; grey where they are the same for all colours. Hollow: cells that lack seeds, never ringed.",
    "per_axis": False,
}

REFIT = "test_refit_nmi_true"
"""The score that can be compared whatever k is; where no run has it, the analysis' quality."""

ACROSS = 3
"""Data sets side by side."""

CLOUD = 200
"""Runs of a panel from which on its points are rasterised."""

MOST = len(COLOURS)
"""Values up to which an axis is told apart."""

LEVELS = {
    "untrained": "untrained",
    "raw pixels": "pixels",
    "preprocessed pixels": "PCA pixels",
    "supervised": "supervised",
}
"""Level -> what stands under it."""


@dataclass(frozen=True)
class _Codes:
    """What the points' colours and markers stand for; None where nothing varies."""

    hue: str | None
    sign: str | None


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """A panel for each data set, each with what its scores stand between at the right."""
    names = {one.name: one for one in analysis.outcomes}
    quality = REFIT if REFIT in names else analysis.quality
    if quality not in names or "seconds" not in names:
        return None
    cells = summarise_cells(analysis.finals, analysis.results.runs, list(analysis.axes), [quality, "seconds"])
    codes = _codes(analysis, quality)
    parts = _parts(analysis)
    across, down = min(ACROSS, len(parts)), -(-len(parts) // ACROSS)
    figure = Figure(figsize=(min(MAX_WIDTH, max(5.0, 4.2 * across)), 0.6 + 2.9 * down), layout="constrained")
    add_note(
        figure,
        _counts(analysis, cells),
        describe_timing(analysis.results.rows),
        describe_rules(analysis, [quality, "seconds"]),
        grow=True,
    )
    grid = figure.add_gridspec(down, 2 * across, width_ratios=[3.4, 1] * across)
    for place, (title, values) in enumerate(parts):
        row, left = place // across, 2 * (place % across)
        panel = figure.add_subplot(grid[row, left])
        panel.set_title(wrap(title, 2, TEXT_SIZE))
        _points(panel, _inside(cells, values), _inside(analysis.finals, values), quality, analysis, codes)
        _levels(figure.add_subplot(grid[row, left + 1], sharey=panel), quality, analysis, codes, values)
        if left == 0:
            panel.set_ylabel(metric_spec(quality).axis_label)
    add_legend(figure, _handles(analysis, codes))
    return figure


def _parts(analysis: Analysis) -> list[tuple[str, dict[str, Any]]]:
    """Title, and which cells are in it, of each panel: data sets are never put on one scale."""
    axis = next((name for name, choice in analysis.axes.items() if choice.is_condition), None)
    if axis is None:
        return [("", {})]
    return [(format_axis_value(analysis, axis, value), {axis: value}) for value in analysis.axes[axis].values]


def _inside(frame: pd.DataFrame, values: dict[str, Any]) -> pd.DataFrame:
    for name, value in values.items():
        frame = frame[has_value(frame[name], value)]
    return frame


def _codes(analysis: Analysis, quality: str) -> _Codes:
    """The axis that moves the quality most has the colours, of the others the one that moves the time most markers."""
    outcomes = {one.name: one for one in analysis.outcomes}
    few = [name for name, choice in analysis.axes.items() if not choice.is_condition]
    hues = [name for name in few if len(analysis.axes[name].values) <= MOST]
    hue = max(hues, key=lambda name: find_largest_effect(analysis.effects, name, outcomes[quality]), default=None)
    signs = [name for name in few if name != hue and len(analysis.axes[name].values) <= len(MARKERS)]
    return _Codes(
        hue, max(signs, key=lambda name: find_largest_effect(analysis.effects, name, outcomes["seconds"]), default=None)
    )


# --- a panel --------------------------------------------------------------------------------


def _points(
    panel: Axes, cells: pd.DataFrame, runs: pd.DataFrame, quality: str, analysis: Analysis, codes: _Codes
) -> None:
    """The cells and their runs on a scale of factors, and the front of the cells that have all their seeds."""
    many: dict[str, Any] = {"ls": "", "rasterized": len(runs) > CLOUD}
    for (ink, _), part in _coded(runs, analysis, codes) if cells["planned"].max() > 1 else ():
        panel.plot(part["seconds"], part[quality], color=ink, marker="o", ms=2.5, alpha=0.4, mew=0, **many)
    whole = cells["done"] == cells["planned"]
    for (ink, sign), part in _coded(cells, analysis, codes):
        for some, face in ((part[whole[part.index]], ink), (part[~whole[part.index]], "none")):
            panel.plot(some["seconds"], some[quality], color=ink, marker=sign, mfc=face, ms=5, alpha=0.85, **many)
    _front(panel, cells[whole], quality)
    panel.set_xscale("log")
    _scale(panel, runs["seconds"])
    panel.set_xlabel(metric_spec("seconds").axis_label)


def _front(panel: Axes, cells: pd.DataFrame, quality: str) -> None:
    """Rings around the cells that no other beats, and a line along them to the slowest cell."""
    best = cells[find_pareto_front(*(cells[name].to_numpy(dtype=float) for name in ("seconds", quality)))]
    best = best.sort_values(["seconds", quality])
    panel.plot(best["seconds"], best[quality], color=GREY, marker="o", ms=9, mfc="none", mew=1, ls="", zorder=1)
    steps = [*best["seconds"], cells["seconds"].max()], [*best[quality], best[quality].max()]
    panel.plot(*steps, color=GREY, lw=1.2, drawstyle="steps-post", zorder=1)


def _coded(frame: pd.DataFrame, analysis: Analysis, codes: _Codes) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """The rows of each colour and marker."""
    found = []
    for hue in analysis.axes[codes.hue].values if codes.hue else [None]:
        some = frame[has_value(frame[codes.hue], hue)] if codes.hue else frame
        for sign in analysis.axes[codes.sign].values if codes.sign else [None]:
            part = some[has_value(some[codes.sign], sign)] if codes.sign else some
            mark = get_marker(analysis, codes.sign, sign) if codes.sign else "o"
            found.append(((get_colour(analysis, codes.hue, hue), mark), part))
    return found


def _scale(panel: Axes, seconds: pd.Series) -> None:
    """Ticks that are read as numbers, also where all the times lie within a factor of ten."""
    wide = len(seconds) > 0 and seconds.max() > 10 * seconds.min() > 0
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 3)) if wide else MaxNLocator(4, steps=[1, 2, 5, 10]))
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_minor_formatter(NullFormatter())


def _levels(panel: Axes, quality: str, analysis: Analysis, codes: _Codes, values: dict[str, Any]) -> None:
    """A point for each level and value of the colours' axis, means over the runs and baselines that belong to it."""
    known = _known(analysis, quality, codes, values)
    for place, level in enumerate(known):
        alike = len({score for _, score in known[level]}) == 1
        for value, score in known[level]:
            ink = GREY if alike else get_colour(analysis, codes.hue, value)
            panel.plot(place, score, color=ink, marker="_", ms=9, mew=2, ls="")
    panel.set_xticks(range(len(known)), [LEVELS[level] for level in known], rotation=90)
    panel.set_xlim(-0.7, max(len(known), 1) - 0.3)
    panel.tick_params(axis="y", left=False, labelleft=False)
    panel.spines["left"].set_visible(False)


def _known(
    analysis: Analysis, quality: str, codes: _Codes, values: dict[str, Any]
) -> dict[str, list[tuple[Any, float]]]:
    """Level -> a score for each value of the colours' axis, where there is one."""
    fields = list(dict.fromkeys([quality, *values, *([codes.hue] if codes.hue else [])]))
    start = _inside(analysis.results.rows.loc[analysis.results.rows["epoch"] == 0, fields], values)
    table = analysis.references
    table = table[has_value(table["axis"], codes.hue) & (table["metric"] == quality)]
    table = _inside(table, values)
    known: dict[str, list[tuple[Any, float]]] = {}
    for value in analysis.axes[codes.hue].values if codes.hue else [None]:
        mine = start[has_value(start[codes.hue], value)] if codes.hue else start
        beside = table[has_value(table["value"], value)]
        scores = {"untrained": mine[quality].mean(), **dict(zip(beside["level"], beside["mean"], strict=True))}
        for level in LEVELS:
            if pd.notna(scores.get(level)):
                known.setdefault(level, []).append((value, scores[level]))
    return {level: known[level] for level in LEVELS if level in known}


# --- words ----------------------------------------------------------------------------------


def _handles(analysis: Analysis, codes: _Codes) -> list[Artist]:
    handles: list[Artist] = []
    if hue := codes.hue:
        for value in analysis.axes[hue].values:
            text = f"{shorten(hue)} {format_axis_value(analysis, hue, value)}"
            handles.append(Line2D([], [], color=get_colour(analysis, hue, value), lw=4, label=text))
    if sign := codes.sign:
        for value in analysis.axes[sign].values:
            text = f"{shorten(sign)} {format_axis_value(analysis, sign, value)}"
            handles.append(Line2D([], [], color=GREY, marker=get_marker(analysis, sign, value), ls="", label=text))
    return [*handles, Line2D([], [], color=GREY, lw=1.2, marker="o", ms=9, mfc="none", label="no cell beats it")]


def _counts(analysis: Analysis, cells: pd.DataFrame) -> str:
    done, planned, lacking = (
        int(cells["done"].sum()),
        int(cells["planned"].sum()),
        int((cells["done"] < cells["planned"]).sum()),
    )
    beside = f"; {plural(lacking, 'cell')} lack seeds" if lacking else ""
    return f"{plural(len(cells), 'cell')}, {done} of {planned} runs done{beside}."
