"""Seconds of each stage per epoch, by the library that did it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dcbench.analysis.statistics.stages import measure_stage_seconds
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import COLUMNS, STAGES
from dcbench.figures import find_varied, has_value
from dcbench.figures.style.captions import add_note, describe_timing, format_axis_value
from dcbench.figures.style.encoding import get_colour
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.theme import INK, MAX_WIDTH

FACTS = {
    "title": "Stage times per backend",
    "caption": "Mean seconds of a stage per epoch, each panel on its own scale; whiskers from the fastest to the "
    "slowest run. PCA, whitening and k-means go by the library that did them, the other stages by the run's backend: "
    "mixed where libraries share the work. All finished runs are pooled but for the colour. "
    "Epochs whose clustering only served the metrics count as evaluate.",
    "per_axis": False,
}

WHISKER = {"lw": 0.8, "ecolor": INK}
MIXED = "mixed"
TALL = 0.9
"""Inches that the bars of a library take at most; fewer than four take less."""


def draw(analysis: Analysis, axis: str | None) -> Figure:
    """A panel for each stage, a bar for each library."""
    hue = find_varied(analysis, "arch", "dataset")
    values: Sequence[Any] = analysis.axes[hue].values if hue else [None]
    seconds = {stage: _by_library(analysis.results.rows, stage) for stage in STAGES}
    tallest = max(table["library"].nunique() for table in seconds.values())
    high = tallest * max(0.09 * len(values), min(0.24 * len(values), TALL))
    figure = Figure(figsize=(MAX_WIDTH, 1.6 + 2 * (0.35 + high)), layout="constrained")
    for panel, (stage, table) in zip(figure.subplots(2, 3).flat, seconds.items(), strict=True):
        parts = [
            (get_colour(analysis, hue, one), table[has_value(table[hue], one)] if hue else table) for one in values
        ]
        _panel(panel, sorted(table["library"].unique()), parts)
        panel.set_ylim(tallest - 0.5, -0.5)  # bars of one height in all panels
        panel.set_title(stage)
        panel.set_xlabel(f"{COLUMNS[f'seconds_{stage}'].unit} per epoch")
    add_note(figure, describe_timing(analysis.results.rows))
    if hue:
        add_legend(
            figure,
            [
                Patch(color=get_colour(analysis, hue, one), alpha=0.8, label=format_axis_value(analysis, hue, one))
                for one in values
            ],
        )
    return figure


def _by_library(rows: pd.DataFrame, stage: str) -> pd.DataFrame:
    """A line for each run; 27 mixtures of libraries are one here, and each its own in the table."""
    table = measure_stage_seconds(rows, stage)
    names = table["library"].astype(str)
    return table.assign(library=names.where(~names.str.contains("+", regex=False), MIXED))


def _panel(panel: Axes, libraries: list[str], parts: list[tuple[str, pd.DataFrame]]) -> None:
    height = 0.8 / len(parts)
    for number, (tint, part) in enumerate(parts):
        for place, library in enumerate(libraries):
            runs = part.loc[part["library"] == library, "seconds"]
            if len(runs):
                at, mean = place + (number - (len(parts) - 1) / 2) * height, runs.mean()
                spread = [[mean - runs.min()], [runs.max() - mean]]
                panel.barh(at, mean, height * 0.9, color=tint, alpha=0.8, xerr=spread, error_kw=WHISKER)
    panel.set_yticks(range(len(libraries)), libraries)
    panel.grid(axis="y", visible=False)
    panel.set_xlim(left=0)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=4))
