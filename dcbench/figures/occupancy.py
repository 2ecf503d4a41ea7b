"""Cluster sizes and collapse over the epochs: whitened features fill the clusters even where the raw rank is lost.

A line of panels for each dataset, with the values of an axis in their colours, and how their runs ended.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from dcbench.analysis.statistics.cells import count_states
from dcbench.analysis.statistics.finals import compute_filled_share
from dcbench.analysis.statistics.levels import mean_curve, select_matched_runs
from dcbench.analysis.summary import Analysis
from dcbench.audit.health import ACTIVE_LOW, HEALTH_STATES, RANK_COLLAPSED, RANK_LOW, SHARE_COLLAPSED, SHARE_LOW
from dcbench.core.columns import COLUMNS
from dcbench.figures import find_varied, list_values, select_rows
from dcbench.figures.style.captions import add_note, describe_means, format_axis_value, wrap
from dcbench.figures.style.encoding import get_style
from dcbench.figures.style.marks import add_legend, make_run_lines
from dcbench.figures.style.theme import COLOURS, GREY, MAX_WIDTH, TEXT_SIZE

FACTS = {
    "title": "Occupancy and collapse",
    "caption": "Thin lines: single runs, a random 100 of a colour that has more. "
    "Thick: the mean of the matched runs, geometric for the rank; bands, where "
    "there are few, are 95 % intervals, t over the seeds. Clusters that k-means left empty are refilled afterwards, "
    "so the share that it filled itself is shown. Dotted: beyond these lines a run counts as degenerate, and as "
    "collapsed. Whitening hides collapse from k-means: the rank is that of the features before it. Bars: all planned "
    "runs by health at the end.",
    "per_axis": True,
}

PANELS = {
    "largest_cluster_share": (COLUMNS["largest_cluster_share"].axis_label, (SHARE_LOW, SHARE_COLLAPSED)),
    "filled": ("clusters that k-means filled (share of k)", (ACTIVE_LOW,)),
    "feature_rank": (COLUMNS["feature_rank"].axis_label, (RANK_LOW, RANK_COLLAPSED)),
}
"""Column -> its label, and the limits beyond which a run counts as degenerate and as collapsed."""

END_STYLES: dict[str, dict[str, Any]] = {
    "healthy": {"color": COLOURS[2]},
    "degenerate": {"fc": "none", "ec": COLOURS[1], "hatch": "////"},
    "collapsed": {"fc": "none", "ec": COLOURS[4], "hatch": "xxxx"},
    "no result": {"fc": "none", "ec": GREY},
}
"""How a run ended -> the style of its bar."""

LIMIT_LINE: dict[str, Any] = {"color": GREY, "lw": 1, "ls": (0, (1, 1.5))}
"""Style of the limits of health."""

MAX_BANDS = 4
"""Bands of more values would hide each other."""

MAX_NAME = 14
"""An axis with a longer name is not named before each of its values in the legend."""


def draw(analysis: Analysis, axis: str | None) -> Figure:
    """Draw a line of panels for each dataset: three metrics over the epochs, and how the runs ended."""
    # The data: of the metrics only the columns that are drawn, because there may be a million rows
    split = None if axis == "dataset" else find_varied(analysis, "dataset")
    matched = select_matched_runs(analysis.finals, analysis.axis_values, axis)
    fields = ["run_id", "seed", "epoch", "largest_cluster_share", "feature_rank"]
    fields += [name for name in (axis, split) if name]
    rows = analysis.results.rows[list(dict.fromkeys(fields))].assign(filled=compute_filled_share(analysis.results.rows))
    rows = rows.merge(matched[["run_id", "cell"]], on="run_id", how="left")

    values, datasets = list_values(analysis, axis), list_values(analysis, split)
    height = max(1.6, 0.16 * len(values) + 0.5)
    size = (MAX_WIDTH, 0.9 + 0.2 * (len(values) // 6) + height * len(datasets))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(datasets), len(PANELS) + 1, squeeze=False, width_ratios=[1, 1, 1, 0.8])
    for panels, dataset in zip(grid, datasets, strict=True):
        part = select_rows(rows, split, dataset)
        for metric, panel in zip(PANELS, panels, strict=False):
            draw_metric(panel, analysis, axis, part, metric)
            panel.set_ylabel(wrap(PANELS[metric][0], height - 0.4, TEXT_SIZE))
        draw_ends(panels[-1], analysis, axis, select_rows(analysis.results.runs, split, dataset))
        if split:
            panels[0].set_title(f"{split} = {format_axis_value(analysis, split, dataset)}", loc="left")
    for panel in grid[-1][:-1]:
        panel.set_xlabel(COLUMNS["epoch"].axis_label)

    # The legend
    handles: list[Artist] = []
    if axis:
        name = f"{axis} = " if len(axis) <= MAX_NAME else ""
        for value in values:
            style = get_style(analysis, axis, value)
            label = f"{name}{format_axis_value(analysis, axis, value)}"
            handles.append(Line2D([], [], **style, lw=2, ms=3.5, label=label))
    handles.append(Line2D([], [], **LIMIT_LINE, label="limits of health"))
    handles += [Patch(**style, lw=0.8, label=state) for state, style in END_STYLES.items()]
    add_legend(figure, handles)

    # The note
    sentences = [*describe_means(analysis, matched, split, "value")]
    if len(values) > MAX_BANDS:
        sentences.append(f"No bands: more than {MAX_BANDS} values would hide each other.")
    add_note(figure, *sentences)
    return figure


def draw_metric(panel: Axes, analysis: Analysis, axis: str | None, rows: pd.DataFrame, metric: str) -> None:
    """Draw a metric over the epochs: single runs, the mean of each value, and the limits of health."""
    is_rank = metric == "feature_rank"
    values = list_values(analysis, axis)
    for value in values:
        part = select_rows(rows, axis, value)
        style = get_style(analysis, axis, value)
        panel.add_collection(make_run_lines(part, metric, style["color"]), autolim=True)
        mean = mean_curve(part.dropna(subset="cell"), metric, ratio=is_rank)
        panel.plot(mean.index, mean["mean"], **style, lw=2, ms=3.5, markevery=max(1, len(mean) // 3), zorder=3)
        if len(values) <= MAX_BANDS:
            band = {"color": style["color"], "alpha": 0.2, "lw": 0, "rasterized": True, "zorder": 1.2}
            panel.fill_between(mean.index, mean["low"], mean["high"], **band)
    for limit in PANELS[metric][1]:
        panel.axhline(limit, **LIMIT_LINE, zorder=2)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    panel.autoscale_view()
    if is_rank:
        # A rank goes from 1, collapsed, to hundreds.
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.set_ylim(0.9, 1.3 * max(10.0, rows[metric].max() if rows[metric].notna().any() else 0))
    else:
        panel.set_ylim(-0.03, 1.05)


def draw_ends(panel: Axes, analysis: Analysis, axis: str | None, runs: pd.DataFrame) -> None:
    """Draw a bar for each value, the first on top: how many of its planned runs ended in which state of health."""
    values = list_values(analysis, axis)
    for place, value in enumerate(values):
        left = 0
        counts = count_states(select_rows(runs, axis, value)["health"], HEALTH_STATES)
        for style, count in zip(END_STYLES.values(), counts, strict=True):
            panel.barh(place, count, 0.7, left, lw=0.8, **style)
            left += count
    labels = [format_axis_value(analysis, axis, value) if axis else "all" for value in values]
    panel.set_yticks(range(len(values)), labels)
    panel.set_ylim(len(values) - 0.4, -0.6)
    panel.grid(axis="y", visible=False)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    panel.set_xlabel("runs")
