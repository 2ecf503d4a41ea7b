"""Results against an amount: the mean at each value of a numeric axis, with its interval over the seeds."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.levels import tabulate_cells
from dcbench.analysis.statistics.matching import MIN_SEEDS
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import CLUSTERING, METRICS
from dcbench.core.spec import format_value
from dcbench.core.text import plural
from dcbench.figures import find_varied, list_values
from dcbench.figures.style.captions import add_note, format_axis_value, measure_width, wrap
from dcbench.figures.style.encoding import get_colour, get_style
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.noise import describe_floor, draw_floor_bars, list_floor_bars, make_bar_handle
from dcbench.figures.style.theme import GREY, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "Results against the amount",
    "caption": "Thick: the mean over the matched cells and seeds, whose runs all values have, with its 95 % interval, "
    "t over the seeds; times are geometric means. Thin: each of these cells, its seeds averaged. Of the scores, "
    "only AMI and the refit's are shown against k: NMI, purity and accuracy change with the number of clusters by "
    "themselves. The value none, which is no amount, stands apart at the right.",
    "per_axis": True,
    "axes": "numeric",
}

OTHER_METRICS = ("test_refit_nmi_true", "test_refit_cluster_accuracy", "feature_rank", "seconds", CLUSTERING)
"""Metrics shown beside the quality, where some run has them."""

MAX_ACROSS = 3
PANEL_WIDTH, PANEL_HEIGHT = 2.75, 1.9
"""Inches."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw a panel for each metric; None where no value of the axis has a matched run."""
    table = analysis.levels[analysis.levels["axis"] == axis]
    metrics = [name for name in (analysis.quality, *OTHER_METRICS) if name in set(table["metric"])]
    if axis is None or not metrics:
        return None
    table = table[table["metric"].isin(metrics)]
    across = min(MAX_ACROSS, len(metrics))
    down = -(-len(metrics) // across)
    figure = Figure(figsize=(PANEL_WIDTH * across + 0.6, PANEL_HEIGHT * down + 0.7), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for spare in panels[len(metrics) :]:
        spare.remove()

    # Where each value stands: None, which is no amount, one step beyond the largest
    values = list_values(analysis, axis)
    amounts = sorted(float(str(value)) for value in values if value is not None)
    beyond = amounts[-1] ** 2 / amounts[-2] if spans_decade(amounts) else 2 * amounts[-1] - amounts[-2]
    places = {value: beyond if value is None else float(str(value)) for value in values}

    outcomes = analysis.outcome_by_name
    for metric, panel in zip(metrics, panels, strict=False):
        draw_cells(panel, analysis, axis, outcomes[metric], places)
        draw_means(panel, analysis, axis, table[table["metric"] == metric], places)
        set_ticks(panel, places)
        panel.set_xlabel(axis)
        panel.set_ylabel(wrap(METRICS[metric].axis_label, PANEL_HEIGHT - 0.6, TEXT_SIZE))
        panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
        draw_floor_bars(panel, list_floor_bars(analysis, metric))

    # The legend: a cell has the colour of its dataset, if there are several
    hue = find_varied(analysis, "dataset")
    handles = [Line2D([], [], color=GREY, lw=2, marker="o", ms=5, label="mean of the cells")]
    for dataset in list_values(analysis, hue):
        colour = get_colour(analysis, hue, dataset) if hue else GREY
        text = f"a cell of {format_axis_value(analysis, hue, dataset)}" if hue else "a cell"
        handles.append(Line2D([], [], color=colour, lw=0.8, label=text))
    floor_note = describe_floor(analysis, analysis.quality)
    if floor_note:
        handles.append(make_bar_handle())
    add_legend(figure, handles)

    # The note: what the means rest on, what was left out, and by which rule
    cells, seeds, left_out = (int(table[name].max()) for name in ("cells", "seeds", "left_out"))
    sentences = [f"Each mean: {plural(cells, 'cell')}, {plural(seeds, 'seed')}."]
    if seeds < MIN_SEEDS:
        sentences.append(f"No interval: it takes {MIN_SEEDS} seeds.")
    if left_out:
        groups = plural(left_out, "matched group")
        sentences.append(f"{groups} of runs left out, so that every cell has every seed.")
    rules = dict.fromkeys(analysis.describe_rule(metric) for metric in table["metric"])
    sentences.append(f"One number per run: {'; '.join(rules)}.")
    if axis == "k":
        sentences.append("AMI and the refit's scores can be compared across k; NMI rises with k by itself.")
    add_note(figure, *sentences, floor_note)
    return figure


def draw_cells(panel: Axes, analysis: Analysis, axis: str, outcome: Outcome, places: dict[Any, float]) -> None:
    """Draw a thin line for each matched cell, in the colour of its dataset if there are several."""
    hue = find_varied(analysis, "dataset")
    table = tabulate_cells(analysis.finals, analysis.axis_values, axis, outcome)
    table = table.assign(place=[places[value] for value in table["value"]]).sort_values("place")
    for dataset, rows in table.groupby(hue) if hue else [(None, table)]:
        colour = get_colour(analysis, hue, dataset) if hue else GREY
        # No line leads to None, which is no amount.
        amounts, none = rows[rows["value"].notna()], rows[rows["value"].isna()]
        lines = [cell[["place", "mean"]].to_numpy(dtype=float) for _, cell in amounts.groupby("number")]
        panel.add_collection(LineCollection(lines, colors=colour, lw=0.6, alpha=0.5, rasterized=len(lines) > 30))
        panel.plot(none["place"], none["mean"], color=colour, marker="_", ls="", ms=5, alpha=0.5)


def draw_means(panel: Axes, analysis: Analysis, axis: str, means: pd.DataFrame, places: dict[Any, float]) -> None:
    """Draw the means with their intervals, each in the style of its value, and a line through those of amounts."""
    # The column holds NaN instead of None where all other values are numbers.
    means = means.assign(value=means["value"].astype(object).where(means["value"].notna(), None))
    means = means.assign(place=[places[value] for value in means["value"]]).sort_values("place")
    amounts = means[means["value"].notna()]
    panel.plot(amounts["place"], amounts["mean"], color=GREY, lw=2, zorder=3, label="mean")
    for value, row in zip(means["value"], means.to_dict("records"), strict=True):
        style = get_style(analysis, axis, value) | {"ls": "", "ms": 5, "zorder": 4, "capsize": 3, "lw": 1.5}
        interval = [[row["mean"] - row["low"]], [row["high"] - row["mean"]]]
        panel.errorbar(row["place"], row["mean"], yerr=None if pd.isna(row["low"]) else interval, **style)


def spans_decade(amounts: Collection[float]) -> bool:
    """Return whether the largest amount is at least ten times the smallest, so that only logarithms keep them apart."""
    return min(amounts) > 0 and max(amounts) / min(amounts) >= 10


def set_ticks(panel: Axes, places: dict[Any, float]) -> None:
    """Set the scale of the amounts, with a tick at every value whose text does not overlap the one before."""
    is_wide = spans_decade(places.values())
    if is_wide:
        panel.set_xscale("log")
    scale = np.log10 if is_wide else np.asarray
    low, high = scale(min(places.values())), scale(max(places.values()))
    per_inch = (high - low) / (PANEL_WIDTH - 0.9)
    ticks: list[tuple[float, str]] = []
    end = -math.inf
    for value, place in sorted(places.items(), key=lambda item: item[1]):
        half = per_inch * (measure_width(format_value(value), SMALL_SIZE) / 2 + 0.03)
        if scale(place) - half > end:
            ticks.append((place, format_value(value)))
            end = float(scale(place) + half)
    panel.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
    panel.minorticks_off()
