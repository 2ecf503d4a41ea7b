"""Curves over the epochs, a small multiple for each value of one axis.

Thin lines are single runs, thick ones their mean with its interval, dashes what the scores stand between.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
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
from dcbench.figures import find_varied, has_value
from dcbench.figures.style.captions import add_note, describe_means, format_axis_value, wrap
from dcbench.figures.style.encoding import get_style
from dcbench.figures.style.marks import add_legend, make_run_lines, spread_apart
from dcbench.figures.style.theme import GREY, MAX_WIDTH, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "Curves",
    "caption": "Thin lines: single runs, a random 100 of a colour that has more. "
    "Thick: the mean of the matched runs, those that every panel has, over the "
    "epochs that all of them have; the band is its 95 % interval, t over the seeds. Dashed: the mean of the same runs' "
    "untrained networks (row 0), and the baselines, only beside the refit: both have as many clusters as classes. "
    "Pseudo-label accuracy says how well the head predicts the cluster ids, not the truth. NMI epoch to epoch is "
    "stability, not quality. Degenerate and collapsed: by health.",
    "per_axis": True,
}

REFIT = "refit_nmi_true"
"""The metric that the baselines' levels belong to."""

UNTRAINED = "untrained"
DASHES: dict[str, Any] = {
    UNTRAINED: (0, (4, 2)),
    "raw pixels": (0, (1, 1.2)),
    "preprocessed pixels": (0, (4, 1.2, 1, 1.2)),
    "supervised": (0, (8, 2)),
}
"""Level -> its line."""

MOST = 6
"""Panels side by side; further values stand below."""
HIGH = 1.25
"""Inches of a panel."""
NAMES = 8
"""Levels that can be named at the right of a panel; the legend names more."""


@dataclass(frozen=True)
class Part:
    """The runs that a panel shows in one colour, and the baselines that they are compared with, by level."""

    name: str
    code: dict[str, Any]
    rows: pd.DataFrame
    baselines: dict[str, float]


@dataclass(frozen=True)
class Panel:
    """One metric of the runs with one value of the axis."""

    axes: Axes
    metric: str
    parts: list[Part]

    @cached_property
    def levels(self) -> list[tuple[str, float, Part]]:
        """Name and place of what the runs stand between."""
        found = []
        for part in self.parts:
            start = part.rows[(part.rows["epoch"] == 0) & part.rows["cell"].notna()]
            beside = part.baselines if self.metric == REFIT else {}
            found += [(name, place, part) for name, place in {UNTRAINED: start[self.metric].mean(), **beside}.items()]
        return [level for level in found if pd.notna(level[1])]


def draw(analysis: Analysis, axis: str | None) -> Figure:
    """A panel for each metric and value of `axis`, the metrics below each other; one column without an axis."""
    hue = None if axis == "dataset" else find_varied(analysis, "dataset")
    matched = select_matched_runs(analysis.finals, analysis.axis_values, axis)
    wanted = ("pseudo_label_accuracy", analysis.quality, REFIT, "nmi_previous")
    metrics = [
        name for name in wanted if name in analysis.results.rows and analysis.results.rows[name].notna().any()
    ] or [analysis.quality]
    fields = ["run_id", "seed", "epoch", "dataset", "health", *metrics, *([axis] if axis else [])]
    rows = analysis.results.rows[list(dict.fromkeys(fields))].merge(
        matched[["run_id", "cell"]], on="run_id", how="left"
    )
    values: Sequence[Any] = analysis.axes[axis].values if axis else [None]
    figure, grid = _grid(len(values), len(metrics))
    columns = []
    for value, line in zip(values, grid, strict=True):
        parts = _parts(analysis, axis, value, hue, rows)
        columns.append([Panel(axes, metric, parts) for axes, metric in zip(line, metrics, strict=True)])
        line[0].set_title(_title(analysis, axis, value, parts, figure.get_figwidth() / len(values)))
        for panel in columns[-1]:
            _draw(panel)
    across = _across(len(values))
    for panels in zip(*columns, strict=True):
        _scale(panels, across)
    ends = sorted({*range(across - 1, len(columns), across), len(columns) - 1})
    named = _name_levels([panel for at in ends for panel in columns[at]])
    add_legend(figure, _handles(columns, named, matched["seed"].nunique() >= MIN_SEEDS))
    add_note(figure, *_words(analysis, hue, matched))
    return figure


def _parts(analysis: Analysis, axis: str | None, value: object, hue: str | None, rows: pd.DataFrame) -> list[Part]:
    inside = rows[has_value(rows[axis], value)] if axis else rows
    if hue is None:
        return [Part("mean", get_style(analysis, axis, value), inside, _baselines(analysis, axis, value, inside))]
    found = []
    for one in analysis.axes[hue].values:
        mine = inside[has_value(inside[hue], one)]
        found.append(
            Part(
                format_axis_value(analysis, hue, one),
                get_style(analysis, hue, one),
                mine,
                _baselines(analysis, axis, value, mine),
            )
        )
    return found


def _baselines(analysis: Analysis, axis: str | None, value: object, rows: pd.DataFrame) -> dict[str, float]:
    """The baselines' levels of the rows' dataset."""
    table = analysis.references
    mine = table[has_value(table["axis"], axis) & has_value(table["value"], value) & (table["metric"] == REFIT)]
    mine = mine[mine["dataset"].isin(rows["dataset"].unique())]
    return dict(zip(mine["level"], mine["mean"], strict=True))


# --- panels ---------------------------------------------------------------------------------


def _across(values: int) -> int:
    """How many columns stand side by side, the same number in each block but the last."""
    return math.ceil(values / math.ceil(values / MOST))


def _grid(values: int, metrics: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure with a column of panels for each value; what is more than MOST goes on below."""
    across = _across(values)
    blocks = math.ceil(values / across)
    size = min(MAX_WIDTH, 1.4 + 2.6 * across), 0.5 + blocks * (0.6 + HIGH * metrics)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(blocks * metrics, across, squeeze=False)
    for spare in grid[-metrics:, values - (blocks - 1) * across :].flat:
        spare.remove()
    columns = []
    for block, column in (divmod(at, across) for at in range(values)):
        columns.append(list(grid[block * metrics : (block + 1) * metrics, column]))
        for panel in columns[-1]:
            panel.tick_params(left=column == 0, labelleft=column == 0, bottom=False, labelbottom=False)
        columns[-1][-1].tick_params(bottom=True, labelbottom=True)
        columns[-1][-1].set_xlabel(COLUMNS["epoch"].axis_label)
    return figure, columns


def _draw(panel: Panel) -> None:
    for part in panel.parts:
        tint = part.code["color"]
        panel.axes.add_collection(make_run_lines(part.rows, panel.metric, part.code["color"]), autolim=False)
        mean = mean_curve(part.rows.dropna(subset="cell"), panel.metric)
        style = part.code | {"lw": 2, "ms": 3.5, "markevery": max(1, len(mean) // 3), "zorder": 3}
        panel.axes.plot(mean.index, mean["mean"], **style, label=part.name)
        band = {"color": tint, "alpha": 0.2, "lw": 0, "rasterized": True, "zorder": 1.2}
        panel.axes.fill_between(mean.index, mean["low"], mean["high"], **band)
    for name, place, part in panel.levels:
        style = {"color": part.code["color"], "ls": DASHES[name], "lw": 1, "zorder": 2}
        panel.axes.axhline(place, **style, label=f"{part.name}, {name}")
    panel.axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))


def _scale(panels: Sequence[Panel], across: int) -> None:
    """The same scales for all panels of a metric, from 0 or below to the highest run or level; its name on the left."""
    places, last = [0.0], 1.0
    for panel in panels:
        last = max([last, *(part.rows["epoch"].max() for part in panel.parts if len(part.rows))])
        places += [place for _, place, _ in panel.levels]
        places += [end for part in panel.parts for end in part.rows[panel.metric].agg(["min", "max"]).dropna()]
    low, high = min(places), max(places) if max(places) > 0 else 1
    for at, panel in enumerate(panels):
        panel.axes.set_xlim(-0.04 * last, 1.04 * last)
        panel.axes.set_ylim(low - 0.05 * (high - low) * (low < 0), high + 0.08 * (high - low))
        panel.axes.set_ylabel("" if at % across else wrap(COLUMNS[panel.metric].axis_label, HIGH, TEXT_SIZE))


# --- words ----------------------------------------------------------------------------------


def _title(analysis: Analysis, axis: str | None, value: object, parts: Sequence[Part], wide: float) -> str:
    """The value, how many of the planned runs are in the column, and how many of them are not healthy."""
    planned = analysis.results.runs[has_value(analysis.results.runs[axis], value)] if axis else analysis.results.runs
    runs = pd.concat([part.rows for part in parts]).drop_duplicates("run_id")
    name = f"{axis} = {format_axis_value(analysis, axis, value)}" if axis else "all runs"
    count = f"{len(runs)} of {len(planned)} runs" if len(runs) < len(planned) else plural(len(runs), "run")
    sick = [f"{number} {state}" for state in HEALTH_STATES[1:] if (number := int((runs["health"] == state).sum()))]
    return "\n".join(wrap(words, wide, TEXT_SIZE) for words in (name, ", ".join([count, *sick])))


def _name_levels(panels: Sequence[Panel]) -> bool:
    """Name the levels right of the panels, where there is room for all of them; whether there is."""
    room = max(len(panel.levels) for panel in panels) <= NAMES
    for panel in panels if room else ():
        low, high = panel.axes.get_ylim()
        levels = panel.levels
        places = spread_apart([place for _, place, _ in levels], (high - low) / NAMES, low, high)
        for (name, place, part), at in zip(levels, places, strict=True):
            style = {"color": part.code["color"], "ls": DASHES[name], "lw": 1, "clip_on": False}
            beside = panel.axes.get_yaxis_transform()
            panel.axes.plot([1, 1.03, 1.09], [place, at, at], **style, transform=beside)
            panel.axes.annotate(name, (1.1, at), xycoords=beside, va="center", fontsize=SMALL_SIZE)
    return room


def _handles(columns: Sequence[Sequence[Panel]], named: bool, intervals: bool) -> list[Artist]:
    """What the lines are; the levels' too where they are not named at their ends."""
    panels = list(itertools.chain(*columns))
    means = {part.name: part for panel in panels for part in panel.parts}
    style: dict[str, Any] = {"lw": 2, "ms": 3.5}
    handles: list[Artist] = [Line2D([], [], **part.code, **style, label=name) for name, part in means.items()]
    if len(means) == 1:
        handles = [Line2D([], [], color=GREY, **style, label="mean")]
    handles += [Line2D([], [], color=GREY, lw=0.6, label="a run")]
    handles += [Patch(color=GREY, alpha=0.3, label="95 % interval")] if intervals else []
    there = {name for panel in panels for name, _, _ in panel.levels if not named}
    return handles + [Line2D([], [], color=GREY, lw=1, ls=DASHES[name], label=name) for name in DASHES if name in there]


def _words(analysis: Analysis, hue: str | None, matched: pd.DataFrame) -> Iterator[str]:
    """What the means are made of, and what they leave out."""
    yield from describe_means(analysis, matched, hue, "panel")
    if matched["seed"].nunique() < MIN_SEEDS:
        yield f"No interval: it takes {MIN_SEEDS} seeds."
    if analysis.quality == "ami_true":
        yield "AMI stands for NMI, which rises with k by itself."
