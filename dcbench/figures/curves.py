"""Metrics over the epochs: a column of panels for each value of an axis, a row of panels for each metric.

Thin lines are single runs, thick lines their means with an interval, and dashed lines the levels to compare with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dcbench.analysis.statistics.levels import mean_curve, select_matched_runs
from dcbench.analysis.statistics.matching import MIN_SEEDS
from dcbench.analysis.summary import Analysis
from dcbench.audit.health import HEALTH_STATES
from dcbench.core.columns import COLUMNS
from dcbench.core.text import plural
from dcbench.figures import find_varied, list_values, select_references, select_rows
from dcbench.figures.style.captions import add_note, describe_means, format_axis_value, wrap
from dcbench.figures.style.encoding import get_style
from dcbench.figures.style.marks import add_legend, make_run_lines, spread_apart
from dcbench.figures.style.noise import describe_floor, draw_floor_bars, list_floor_bars, make_bar_handle
from dcbench.figures.style.theme import GREY, MAX_WIDTH, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "Curves",
    "caption": "Thin lines: single runs, a random 100 of a colour that has more. "
    "Thick: the mean of the matched runs, whose cell and seed every panel has, over the "
    "epochs that all of them have; the band is its 95 % interval, t over the seeds. Dashed: the mean of the same runs' "
    "untrained networks (row 0), and the baselines, only for the refit: both have as many clusters as classes. "
    "Pseudo-label accuracy says how well the head predicts the cluster ids, not the truth. NMI epoch to epoch is "
    "stability, not quality. Degenerate and collapsed: by health.",
    "per_axis": True,
}

REFIT = "refit_nmi_true"

UNTRAINED = "untrained"
DASHES: dict[str, Any] = {
    UNTRAINED: (0, (4, 2)),
    "raw pixels": (0, (1, 1.2)),
    "preprocessed pixels": (0, (4, 1.2, 1, 1.2)),
    "supervised": (0, (8, 2)),
}
"""Level to compare with -> its line style."""

MAX_ACROSS = 6
"""Panels side by side; further values follow below."""
PANEL_HEIGHT = 1.25
"""Inches."""
MAX_NAMED_LEVELS = 8
"""Levels that fit to the right of a panel; the legend names them if there are more."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """The runs that a panel shows in one colour.

    `style` is what matplotlib's lines take. `rows` has a row for each run and epoch, with a `cell` if the run is
    matched. `references` are the scores of the baselines of these runs in `reference_metric`, by level.
    """

    name: str
    style: dict[str, Any]
    rows: pd.DataFrame
    references: dict[str, float]
    reference_metric: str


@dataclass(frozen=True, kw_only=True)
class Level:
    """A score that the curves of a series are compared with."""

    name: str
    score: float
    series: Series


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One metric of the runs with one value of the axis."""

    axes: Axes
    metric: str
    series: list[Series]

    @cached_property
    def levels(self) -> list[Level]:
        """The levels that exist for the metric."""
        levels = []
        for series in self.series:
            start = series.rows[(series.rows["epoch"] == 0) & series.rows["cell"].notna()]
            references = series.references if self.metric == series.reference_metric else {}
            scores = {UNTRAINED: start[self.metric].mean(), **references}
            levels += [Level(name=name, score=score, series=series) for name, score in scores.items()]
        return [level for level in levels if pd.notna(level.score)]


def draw(analysis: Analysis, axis: str | None) -> Figure:
    """Draw a column of panels for each value of the axis; one column for the whole matrix."""
    # The data: the metrics that some run has, and the matched runs that means are made of
    matched = select_matched_runs(analysis.finals, analysis.axis_values, axis)
    rows = analysis.results.rows
    metrics = ["pseudo_label_accuracy", analysis.quality, choose_reference_metric(analysis), "nmi_previous"]
    metrics = [name for name in dict.fromkeys(metrics) if name in rows and rows[name].notna().any()] or [
        analysis.quality
    ]
    fields = ["run_id", "seed", "epoch", "dataset", "health", *metrics, *([axis] if axis else [])]
    rows = rows[list(dict.fromkeys(fields))].merge(matched[["run_id", "cell"]], on="run_id", how="left")

    # The panels, a column for each value; values beyond MAX_ACROSS go on below, in blocks of nearly equal width
    values = list_values(analysis, axis)
    across = math.ceil(len(values) / math.ceil(len(values) / MAX_ACROSS))
    blocks = math.ceil(len(values) / across)
    size = min(MAX_WIDTH, 1.4 + 2.6 * across), 0.5 + blocks * (0.6 + PANEL_HEIGHT * len(metrics))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(blocks * len(metrics), across, squeeze=False)
    for spare in grid[-len(metrics) :, len(values) - (blocks - 1) * across :].flat:
        spare.remove()

    columns = []
    hue = None if axis == "dataset" else find_varied(analysis, "dataset")
    for index, value in enumerate(values):
        block, place = divmod(index, across)
        series = collect_series(analysis, axis, value, hue, rows)
        stack = grid[block * len(metrics) : (block + 1) * len(metrics), place]
        column = [Panel(axes=axes, metric=name, series=series) for axes, name in zip(stack, metrics, strict=True)]
        columns.append(column)
        # Runs, means and intervals
        for panel in column:
            draw_curves(panel)
            panel.axes.tick_params(left=place == 0, labelleft=place == 0, bottom=False, labelbottom=False)
        # The epochs below the lowest panel
        column[-1].axes.tick_params(bottom=True, labelbottom=True)
        column[-1].axes.set_xlabel(COLUMNS["epoch"].axis_label)
        # The title: the value, how many of its planned runs are shown, and how many of these are not healthy
        name = f"{axis} = {format_axis_value(analysis, axis, value)}" if axis else "all runs"
        planned = len(select_rows(analysis.results.runs, axis, value))
        runs = pd.concat([part.rows for part in series]).drop_duplicates("run_id")
        counts = [f"{len(runs)} of {planned} runs" if len(runs) < planned else plural(len(runs), "run")]
        for state in HEALTH_STATES[1:]:
            if number := int((runs["health"] == state).sum()):
                counts.append(f"{number} {state}")
        width = figure.get_figwidth() / len(values)
        column[0].axes.set_title("\n".join(wrap(text, width, TEXT_SIZE) for text in (name, ", ".join(counts))))

    # All panels of a metric share their scales, from 0 or below to the highest run or level
    for panels in zip(*columns, strict=True):
        scores, last = [0.0], 1.0
        for panel in panels:
            scores += [level.score for level in panel.levels]
            for series in panel.series:
                scores += [*series.rows[panel.metric].agg(["min", "max"]).dropna()]
                last = max(last, series.rows["epoch"].max()) if len(series.rows) else last
        low, high = min(scores), max(scores) if max(scores) > 0 else 1
        for index, panel in enumerate(panels):
            panel.axes.set_xlim(-0.04 * last, 1.04 * last)
            panel.axes.set_ylim(low - 0.05 * (high - low) * (low < 0), high + 0.08 * (high - low))
            label = wrap(COLUMNS[panel.metric].axis_label, PANEL_HEIGHT, TEXT_SIZE)
            panel.axes.set_ylabel("" if index % across else label)
        # Two runs of the same experiment, as a scale bar; with the datasets side by side each panel has its own
        for panel, value in zip(panels, values, strict=True):
            if panel.metric in (analysis.quality, choose_reference_metric(analysis)):
                dataset = value if axis == "dataset" else None
                draw_floor_bars(panel.axes, list_floor_bars(analysis, panel.metric, dataset))

    # The names of the levels, to the right of the last panel of each row where all fit
    ends = sorted({*range(across - 1, len(columns), across), len(columns) - 1})
    rightmost = [panel for index in ends for panel in columns[index]]
    has_room = max(len(panel.levels) for panel in rightmost) <= MAX_NAMED_LEVELS
    for panel in rightmost if has_room else ():
        name_levels(panel)

    # The legend
    has_interval = matched["seed"].nunique() >= MIN_SEEDS
    floor_note = describe_floor(analysis, analysis.quality)
    handles = make_handles([panel for column in columns for panel in column], has_interval, not has_room)
    add_legend(figure, [*handles, *([make_bar_handle()] if floor_note else [])])

    # The note
    sentences = [*describe_means(analysis, matched, hue, "panel")]
    if not has_interval:
        sentences.append(f"No interval: it takes {MIN_SEEDS} seeds.")
    if analysis.quality == "ami_true":
        sentences.append("AMI replaces NMI, which rises with k by itself.")
    add_note(figure, *sentences, floor_note)
    return figure


def choose_reference_metric(analysis: Analysis) -> str:
    """Return the metric that baselines are compared by: one for which all runs have as many clusters as classes."""
    return REFIT if analysis.ruler == "own" else analysis.quality


def collect_series(
    analysis: Analysis, axis: str | None, value: object, hue: str | None, rows: pd.DataFrame
) -> list[Series]:
    """Return the series of a column: one for each dataset, because scores of different datasets are never pooled."""
    metric, all_series = choose_reference_metric(analysis), []
    for dataset in list_values(analysis, hue):
        part = select_rows(select_rows(rows, axis, value), hue, dataset)
        references = select_references(analysis, axis, value, metric, part["dataset"].unique())
        name = format_axis_value(analysis, hue, dataset) if hue else "mean"
        style = get_style(analysis, hue, dataset) if hue else get_style(analysis, axis, value)
        all_series.append(Series(name=name, style=style, rows=part, references=references, reference_metric=metric))
    return all_series


def draw_curves(panel: Panel) -> None:
    """Draw the single runs, their mean with its interval, and the levels of a panel."""
    for series in panel.series:
        colour = series.style["color"]
        # Single runs must not stretch the scales, which all panels of the metric share.
        panel.axes.add_collection(make_run_lines(series.rows, panel.metric, colour), autolim=False)
        mean = mean_curve(series.rows.dropna(subset="cell"), panel.metric)
        style = series.style | {"lw": 2, "ms": 3.5, "markevery": max(1, len(mean) // 3), "zorder": 3}
        panel.axes.plot(mean.index, mean["mean"], **style, label=series.name)
        band = {"color": colour, "alpha": 0.2, "lw": 0, "rasterized": True, "zorder": 1.2}
        panel.axes.fill_between(mean.index, mean["low"], mean["high"], **band)
    for level in panel.levels:
        style = {"color": level.series.style["color"], "ls": DASHES[level.name], "lw": 1, "zorder": 2}
        panel.axes.axhline(level.score, **style, label=f"{level.series.name}, {level.name}")
    panel.axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))


def name_levels(panel: Panel) -> None:
    """Write the names of a panel's levels to its right, each joined to its level by a line."""
    low, high = panel.axes.get_ylim()
    # x in fractions of the panel's width, y on its scale
    transform = panel.axes.get_yaxis_transform()
    heights = spread_apart([level.score for level in panel.levels], (high - low) / MAX_NAMED_LEVELS, low, high)
    for level, height in zip(panel.levels, heights, strict=True):
        style = {"color": level.series.style["color"], "ls": DASHES[level.name], "lw": 1, "clip_on": False}
        panel.axes.plot([1, 1.03, 1.09], [level.score, height, height], **style, transform=transform)
        panel.axes.annotate(level.name, (1.1, height), xycoords=transform, va="center", fontsize=SMALL_SIZE)


def make_handles(panels: Sequence[Panel], has_interval: bool, with_levels: bool) -> list[Artist]:
    """Return the legend's handles: the means, a single run, the interval, and the levels if they are not named."""
    means = {series.name: series for panel in panels for series in panel.series}
    thick: dict[str, Any] = {"lw": 2, "ms": 3.5}
    handles: list[Artist] = [Line2D([], [], **series.style, **thick, label=name) for name, series in means.items()]
    if len(means) == 1:
        # Each column has a colour of its own, which its title explains.
        handles = [Line2D([], [], color=GREY, **thick, label="mean")]
    handles.append(Line2D([], [], color=GREY, lw=0.6, label="a run"))
    if has_interval:
        handles.append(Patch(color=GREY, alpha=0.3, label="95 % interval"))
    names = {level.name for panel in panels for level in panel.levels} if with_levels else set()
    return handles + [Line2D([], [], color=GREY, lw=1, ls=DASHES[name], label=name) for name in DASHES if name in names]
