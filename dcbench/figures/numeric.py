"""Results against an amount: the mean at each value of a numeric axis, with its interval over the seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import CLUSTERING
from dcbench.analysis.statistics.levels import tabulate_cells
from dcbench.analysis.statistics.matching import MIN_SEEDS
from dcbench.analysis.summary import Analysis, metric_spec
from dcbench.core.spec import format_value
from dcbench.core.text import plural
from dcbench.figures import find_varied
from dcbench.figures.style.captions import add_note, format_axis_value, measure_width, wrap
from dcbench.figures.style.encoding import get_colour, get_style
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.theme import GREY, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "Results against the amount",
    "caption": "Thick: the mean over the matched cells and seeds, those that all values have, with its 95 % interval, "
    "t over the seeds; times are geometric means. Thin: each of these cells, its seeds averaged. Of the scores, "
    "only AMI and the refit's stand against k: NMI, purity and accuracy change with the number of clusters by "
    "themselves. A value that is no amount, none, stands apart at the right.",
    "per_axis": True,
    "axes": "numeric",
}

OTHERS = ("test_refit_nmi_true", "test_refit_cluster_accuracy", "feature_rank", "seconds", CLUSTERING)
"""Metrics beside the quality, where some run has them."""

ACROSS = 3
PANEL = (2.75, 1.9)
"""Inches of a panel."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """A panel for each metric; None where no value of the axis has a matched run."""
    table = analysis.levels[analysis.levels["axis"] == axis]
    metrics = [one for one in (analysis.quality, *OTHERS) if one in set(table["metric"])]
    if axis is None or not metrics:
        return None
    across = min(ACROSS, len(metrics))
    down = -(-len(metrics) // across)
    figure = Figure(figsize=(PANEL[0] * across + 0.6, PANEL[1] * down + 0.7), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for spare in panels[len(metrics) :]:
        spare.remove()
    places = _places(analysis, axis)
    outcomes = {one.name: one for one in analysis.outcomes}
    for metric, panel in zip(metrics, panels, strict=False):
        _cells(panel, analysis, axis, outcomes[metric], places)
        _means(panel, analysis, axis, table[table["metric"] == metric], places)
        _scales(panel, analysis, axis, outcomes[metric], places)
    add_legend(figure, _handles(analysis))
    add_note(figure, *_words(analysis, axis, table[table["metric"].isin(metrics)]))
    return figure


def _places(analysis: Analysis, axis: str) -> dict[Any, float]:
    """Value -> where it stands; None, which is no amount, one step beyond the largest."""
    amounts = sorted(float(str(value)) for value in analysis.axes[axis].values if value is not None)
    beyond = amounts[-1] ** 2 / amounts[-2] if _wide(amounts) else 2 * amounts[-1] - amounts[-2]
    return {value: beyond if value is None else float(str(value)) for value in analysis.axes[axis].values}


def _wide(amounts: Any) -> bool:
    """Whether the amounts span a decade, so that only their logarithms can be told apart."""
    return bool(min(amounts) > 0 and max(amounts) / min(amounts) >= 10)


# --- panels ---------------------------------------------------------------------------------


def _cells(panel: Axes, analysis: Analysis, axis: str, outcome: Outcome, places: dict[Any, float]) -> None:
    """A thin line for each matched cell, in its dataset's colour where there are several."""
    hue = find_varied(analysis, "dataset")
    table = tabulate_cells(analysis.finals, analysis.axis_values, axis, outcome)
    table = table.assign(place=[places[value] for value in table["value"]]).sort_values("place")
    for dataset, rows in table.groupby(hue) if hue else [(None, table)]:
        tint = get_colour(analysis, hue, dataset) if hue else GREY
        amounts, none = rows[rows["value"].notna()], rows[rows["value"].isna()]
        lines = [cell[["place", "mean"]].to_numpy(dtype=float) for _, cell in amounts.groupby("number")]
        panel.add_collection(LineCollection(lines, colors=tint, lw=0.6, alpha=0.5, rasterized=len(lines) > 30))
        panel.plot(none["place"], none["mean"], color=tint, marker="_", ls="", ms=5, alpha=0.5)


def _means(panel: Axes, analysis: Analysis, axis: str, mine: pd.DataFrame, places: dict[Any, float]) -> None:
    """The means joined by a line, but for that of None; each in its value's colour and marker."""
    mine = mine.assign(value=mine["value"].astype(object).where(mine["value"].notna(), None))
    mine = mine.assign(place=[places[value] for value in mine["value"]]).sort_values("place")
    amounts = mine[mine["value"].notna()]
    panel.plot(amounts["place"], amounts["mean"], color=GREY, lw=2, zorder=3, label="mean")
    for value, line in zip(mine["value"], mine.to_dict("records"), strict=True):
        style = get_style(analysis, axis, value) | {"ls": "", "ms": 5, "zorder": 4, "capsize": 3, "lw": 1.5}
        sides = [[line["mean"] - line["low"]], [line["high"] - line["mean"]]]
        there = None if pd.isna(line["low"]) else sides
        panel.errorbar(line["place"], line["mean"], yerr=there, **style)


def _scales(panel: Axes, analysis: Analysis, axis: str, outcome: Outcome, places: dict[Any, float]) -> None:
    """Logarithms of amounts that span a decade; ticks at the values, as many as can be read."""
    ends = min(places.values()), max(places.values())
    wide = _wide(ends)
    if wide:
        panel.set_xscale("log")
    scale = np.log10 if wide else np.asarray
    low, high = scale(ends[0]), scale(ends[1])
    room = (high - low) / (PANEL[0] - 0.9)
    ticks: list[tuple[float, str]] = []
    after = -math.inf
    for value, place in sorted(places.items(), key=lambda one: one[1]):
        half = room * (measure_width(format_value(value), SMALL_SIZE) / 2 + 0.03)
        if scale(place) - half > after:
            ticks.append((place, format_value(value)))
            after = float(scale(place) + half)
    panel.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
    panel.minorticks_off()
    panel.set_xlabel(axis)
    panel.set_ylabel(wrap(metric_spec(outcome.name).axis_label, PANEL[1] - 0.6, TEXT_SIZE))
    panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))


# --- words ----------------------------------------------------------------------------------


def _handles(analysis: Analysis) -> list[Artist]:
    hue = find_varied(analysis, "dataset")
    mean = Line2D([], [], color=GREY, lw=2, marker="o", ms=5, label="mean of the cells")
    if hue is None:
        return [mean, Line2D([], [], color=GREY, lw=0.8, label="a cell")]
    values = analysis.axes[hue].values
    cells = [
        (get_colour(analysis, hue, value), f"a cell of {format_axis_value(analysis, hue, value)}") for value in values
    ]
    return [mean, *(Line2D([], [], color=tint, lw=0.8, label=text) for tint, text in cells)]


def _words(analysis: Analysis, axis: str, table: pd.DataFrame) -> Iterator[str]:
    """What the means stand on, by which rule, and what was left out."""
    cells, seeds, left = (int(table[name].max()) for name in ("cells", "seeds", "left_out"))
    yield f"Each mean: {plural(cells, 'cell')}, {plural(seeds, 'seed')}."
    if seeds < MIN_SEEDS:
        yield f"No interval: it takes {MIN_SEEDS} seeds."
    if left:
        yield f"Left out for want of a whole rectangle of cells and seeds: {plural(left, 'matched group')} of runs."
    rules = list(dict.fromkeys(analysis.rule(metric) for metric in table["metric"]))
    yield f"One number per run: {'; '.join(rules)}."
    if axis == "k":
        yield "AMI and the refit's scores can be compared across k; NMI rises with k by itself."
