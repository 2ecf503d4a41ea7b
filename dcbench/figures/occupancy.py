"""Occupancy and collapse over the epochs: clusters look full after whitening where the raw features' rank has gone.

A line of panels for each dataset: the values of an axis in their colours, and how healthy their runs ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from dcbench.analysis.statistics.levels import mean_curve, select_matched_runs
from dcbench.analysis.statistics.occupancy import compute_filled_share, count_states
from dcbench.analysis.summary import Analysis
from dcbench.audit.health import ACTIVE_LOW, HEALTH_STATES, RANK_COLLAPSED, RANK_LOW, SHARE_COLLAPSED, SHARE_LOW
from dcbench.core.columns import COLUMNS
from dcbench.figures import find_varied, has_value
from dcbench.figures.style.captions import add_note, describe_means, format_axis_value, wrap
from dcbench.figures.style.encoding import get_style
from dcbench.figures.style.marks import add_legend, make_run_lines
from dcbench.figures.style.theme import COLOURS, GREY, MAX_WIDTH, TEXT_SIZE

FACTS = {
    "title": "Occupancy and collapse",
    "caption": "Thin lines: single runs, a random 100 of a colour that has more. "
    "Thick: the mean of the matched runs, geometric for the rank; bands, where "
    "they are few, are 95 % intervals, t over the seeds. Clusters that k-means left empty are refilled afterwards, "
    "so the share that it filled itself is shown. Dotted: beyond these lines a run counts as degenerate, and as "
    "collapsed. Whitening hides collapse from k-means: the rank is that of the features before it. Bars: all planned "
    "runs by health at the end.",
    "per_axis": True,
}

METRICS = {
    "largest_cluster_share": (COLUMNS["largest_cluster_share"].axis_label, (SHARE_LOW, SHARE_COLLAPSED)),
    "filled": ("clusters that k-means filled (share of k)", (ACTIVE_LOW,)),
    "feature_rank": (COLUMNS["feature_rank"].axis_label, (RANK_LOW, RANK_COLLAPSED)),
}
"""Column -> its label, and from where on a run counts as degenerate and as collapsed."""

ENDS: dict[str, dict[str, Any]] = {
    "healthy": {"color": COLOURS[2]},
    "degenerate": {"fc": "none", "ec": COLOURS[1], "hatch": "////"},
    "collapsed": {"fc": "none", "ec": COLOURS[4], "hatch": "xxxx"},
    "no result": {"fc": "none", "ec": GREY},
}
"""How a run ended -> its bar."""

FEW = 4
"""Values up to which bands can be told apart."""

SHORT = 14
"""Letters of an axis up to which its name stands before each value."""


def draw(analysis: Analysis, axis: str | None) -> Figure:
    """A line of panels for each dataset, the axis's values in each."""
    split = None if axis == "dataset" else find_varied(analysis, "dataset")
    matched = select_matched_runs(analysis.finals, analysis.axis_values, axis)
    fields = ["run_id", "seed", "epoch", "largest_cluster_share", "feature_rank"]
    fields += [name for name in (axis, split) if name]
    rows = analysis.results.rows[list(dict.fromkeys(fields))].assign(filled=compute_filled_share(analysis.results.rows))
    rows = rows.merge(matched[["run_id", "cell"]], on="run_id", how="left")
    values: Sequence[Any] = analysis.axes[axis].values if axis else [None]
    datasets: Sequence[Any] = analysis.axes[split].values if split else [None]
    high = max(1.6, 0.16 * len(values) + 0.5)
    figure = Figure(figsize=(MAX_WIDTH, 0.9 + 0.2 * (len(values) // 6) + high * len(datasets)), layout="constrained")
    grid = figure.subplots(len(datasets), len(METRICS) + 1, squeeze=False, width_ratios=[1, 1, 1, 0.8])
    for line, dataset in zip(grid, datasets, strict=True):
        mine = rows[has_value(rows[split], dataset)] if split else rows
        runs = (
            analysis.results.runs[has_value(analysis.results.runs[split], dataset)] if split else analysis.results.runs
        )
        for metric, panel in zip(METRICS, line, strict=False):
            _panel(panel, analysis, axis, mine, metric)
            panel.set_ylabel(wrap(METRICS[metric][0], high - 0.4, TEXT_SIZE))
        _bars(line[-1], analysis, axis, runs)
        if split:
            line[0].set_title(f"{split} = {format_axis_value(analysis, split, dataset)}", loc="left")
    for panel in grid[-1][:-1]:
        panel.set_xlabel(COLUMNS["epoch"].axis_label)
    add_legend(figure, _handles(analysis, axis))
    add_note(figure, *_words(analysis, split, matched, len(values)))
    return figure


# --- panels ---------------------------------------------------------------------------------


def _panel(panel: Axes, analysis: Analysis, axis: str | None, rows: pd.DataFrame, metric: str) -> None:
    values: Sequence[Any] = analysis.axes[axis].values if axis else [None]
    rank = metric == "feature_rank"
    for value in values:
        mine = rows[has_value(rows[axis], value)] if axis else rows
        style = get_style(analysis, axis, value)
        panel.add_collection(make_run_lines(mine, metric, style["color"]), autolim=True)
        mean = mean_curve(mine.dropna(subset="cell"), metric, ratio=rank)
        every = max(1, len(mean) // 3)
        panel.plot(mean.index, mean["mean"], **style, lw=2, ms=3.5, markevery=every, zorder=3)
        if len(values) <= FEW:
            band = {"color": style["color"], "alpha": 0.2, "lw": 0, "rasterized": True, "zorder": 1.2}
            panel.fill_between(mean.index, mean["low"], mean["high"], **band)
    for place in METRICS[metric][1]:
        panel.axhline(place, color=GREY, lw=1, ls=(0, (1, 1.5)), zorder=2)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    panel.autoscale_view()
    if rank:
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.set_ylim(0.9, 1.3 * max(10.0, rows[metric].max() if rows[metric].notna().any() else 0))
    else:
        panel.set_ylim(-0.03, 1.05)


def _bars(panel: Axes, analysis: Analysis, axis: str | None, runs: pd.DataFrame) -> None:
    """For each value how many runs ended how, the first on top."""
    values: Sequence[Any] = analysis.axes[axis].values if axis else [None]
    for place, value in enumerate(values):
        left = 0
        states = runs["health"][has_value(runs[axis], value)] if axis else runs["health"]
        for style, number in zip(ENDS.values(), count_states(states, HEALTH_STATES), strict=True):
            panel.barh(place, number, 0.7, left, lw=0.8, **style)
            left += number
    panel.set_yticks(
        range(len(values)), [format_axis_value(analysis, axis, value) if axis else "all" for value in values]
    )
    panel.set_ylim(len(values) - 0.4, -0.6)
    panel.grid(axis="y", visible=False)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    panel.set_xlabel("runs")


# --- words ----------------------------------------------------------------------------------


def _handles(analysis: Analysis, axis: str | None) -> list[Artist]:
    values = analysis.axes[axis].values if axis else ()
    name = f"{axis} = " if axis and len(axis) <= SHORT else ""
    lines: Sequence[Artist] = [
        Line2D(
            [],
            [],
            **get_style(analysis, axis, value),
            lw=2,
            ms=3.5,
            label=f"{name}{format_axis_value(analysis, str(axis), value)}",
        )
        for value in values
    ]
    limits = Line2D([], [], color=GREY, lw=1, ls=(0, (1, 1.5)), label="limits of health")
    return [*lines, limits, *(Patch(**style, lw=0.8, label=state) for state, style in ENDS.items())]


def _words(analysis: Analysis, split: str | None, matched: pd.DataFrame, values: int) -> Iterator[str]:
    yield from describe_means(analysis, matched, split, "value")
    if values > FEW:
        yield f"No bands: they would hide each other from {FEW + 1} values on."
