"""Curves over the epochs, a small multiple for each value of one axis.

Thin lines are single runs, thick ones their mean, dashes the level of the untrained network.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dcbench.analysis import Analysis
from dcbench.columns import COLUMNS
from dcbench.plots import COLOURS, first_varied, same, split_by
from dcbench.spec import shown
from dcbench.statistics.levels import alike, curve

FACTS = {
    "title": "Curves",
    "caption": "Pseudo-label accuracy says how well the head predicts the cluster ids, not the truth. Thin lines: "
    "single runs. Thick: their mean, over the epochs that all of them have. Dashed: the mean of the same runs' "
    "untrained networks (row 0). NMI epoch to epoch is stability, not quality. Degenerate and collapsed: by health.",
    "per_axis": True,
}

METRICS = ("pseudo_label_accuracy", "nmi_true", "nmi_previous")


def draw(told: Analysis, axis: str | None) -> Figure:
    """A row of panels for each metric, a column for each value of `axis`; one column without an axis."""
    hue = None if axis == "dataset" else first_varied(told, "dataset")
    matched = alike(told.finals, told.axes, axis)[["run_id", "cell"]]
    rows = told.found.rows.merge(matched, on="run_id", how="left")
    columns = _columns(told, axis, rows)
    size = (max(5.5, 1.2 + 2.3 * len(columns)), 7.0)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(METRICS), len(columns), squeeze=False, sharex="all", sharey="row")
    for column, (title, inside) in enumerate(columns):
        grid[0][column].set_title(title)
        for row, metric in enumerate(METRICS):
            _panel(grid[row][column], metric, split_by(inside, hue, told))
        grid[-1][column].set_xlabel(COLUMNS["epoch"].titled)
    for row, metric in enumerate(METRICS):
        grid[row][0].set_ylabel(COLUMNS[metric].titled)
        highest = rows[metric].max()
        grid[row][0].set_ylim(0, 1.08 * highest if highest > 0 else 1)
    if len(matched) < len(told.finals):
        left = f"{len(told.finals) - len(matched)} of {len(told.finals)} finished runs"
        figure.supxlabel(f"The means leave out {left}, which not every panel has.", fontsize=9)
    labels = split_by(rows, hue, told) if hue else [("mean of the runs", COLOURS[0], rows)]
    handles = [Line2D([], [], color=colour, lw=2, label=label) for label, colour, _ in labels]
    handles += [Line2D([], [], color="#444444", lw=1.2, ls=(0, (4, 3)), label="untrained")]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _columns(told: Analysis, axis: str | None, rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Title and rows of each column; the title says how many of the planned runs are in it."""
    if axis is None:
        return [(f"all runs\n{_count(rows, len(told.found.runs))}", rows)]
    columns = []
    for value in told.axes[axis]:
        inside = rows[same(rows[axis], value)]
        planned = int(same(told.found.runs[axis], value).sum())
        columns.append((f"{axis} = {shown(value)}\n{_count(inside, planned)}", inside))
    return columns


def _panel(panel: Axes, metric: str, parts: list[tuple[str, str, pd.DataFrame]]) -> None:
    for label, colour, part in parts:
        for _, run in part.groupby("run_id", sort=False):
            panel.plot(run["epoch"], run[metric], color=colour, lw=0.6, alpha=0.35, rasterized=True)
        if part.empty:
            continue
        mean = curve(part.dropna(subset=["cell"]), metric)
        marker = "o" if len(mean) < 8 else None
        panel.plot(mean.index, mean["mean"], color=colour, lw=2, label=label, marker=marker, ms=3)
        panel.fill_between(mean.index, mean["low"], mean["high"], color=colour, alpha=0.2, lw=0)
        untrained = part.loc[part["epoch"] == 0, metric].mean()
        if pd.notna(untrained):
            panel.axhline(untrained, color=colour, lw=1.2, ls=(0, (4, 3)), label=f"{label}, untrained")
    panel.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))


def _count(rows: pd.DataFrame, planned: int) -> str:
    """How many of the planned runs are in the panel, and how many of them are not healthy."""
    runs = rows.drop_duplicates("run_id")
    count = len(runs)
    told = f"{count} run{'s' if count != 1 else ''}" if count == planned else f"{count} of {planned} runs"
    sick = [(state, int((runs["health"] == state).sum())) for state in ("degenerate", "collapsed")]
    return "\n".join([told, *(f"{number} {state}" for state, number in sick if number)])
