"""Seconds of each stage per epoch, by the library that did it."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dcbench.analysis import Analysis
from dcbench.columns import COLUMNS, STAGES
from dcbench.plots import company, first_varied, note, split_by
from dcbench.statistics.stages import stage_seconds

FACTS = {
    "title": "Stage times per backend",
    "caption": "Mean seconds of a stage per epoch, each panel on its own scale; whiskers from the fastest to the "
    "slowest run. PCA, whitening and k-means go by the library that did them, the other stages by the run's backend. "
    "All finished runs are pooled but for the colour. "
    "Epochs whose clustering only served the metrics count as evaluate.",
    "per_axis": False,
}

WHISKER = {"lw": 0.8, "ecolor": "#333333"}


def draw(told: Analysis, axis: str | None) -> Figure:
    """A panel for each stage, a bar for each library."""
    hue = first_varied(told, "arch", "dataset")
    seconds = {stage: stage_seconds(told.found.rows, stage) for stage in STAGES}
    tallest = max(table["library"].nunique() for table in seconds.values())
    bars = len(told.axes[hue]) if hue else 1
    figure = Figure(figsize=(9.5, 1.6 + 2 * (0.35 + 0.24 * tallest * bars)), layout="constrained")
    for panel, (stage, table) in zip(figure.subplots(2, 3).flat, seconds.items(), strict=True):
        _panel(panel, sorted(table["library"].unique()), split_by(table, hue, told))
        panel.set_ylim(tallest - 0.5, -0.5)  # bars of one height in all panels
        panel.set_title(stage)
        panel.set_xlabel(f"{COLUMNS[f'seconds_{stage}'].unit} per epoch")
    note(figure, company(told.found.rows))
    if hue:
        parts = split_by(told.found.rows, hue, told)
        handles = [Patch(color=colour, alpha=0.8, label=label) for label, colour, _ in parts]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _panel(panel: Axes, libraries: list[str], parts: list[tuple[str, str, pd.DataFrame]]) -> None:
    height = 0.8 / len(parts)
    for number, (_, colour, part) in enumerate(parts):
        for place, library in enumerate(libraries):
            runs = part.loc[part["library"] == library, "seconds"]
            if len(runs):
                at, mean = place + (number - (len(parts) - 1) / 2) * height, runs.mean()
                spread = [[mean - runs.min()], [runs.max() - mean]]
                panel.barh(at, mean, height * 0.9, color=colour, alpha=0.8, xerr=spread, error_kw=WHISKER)
    panel.set_yticks(range(len(libraries)), libraries)
    panel.grid(axis="y", visible=False)
    panel.set_xlim(left=0)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=4))
