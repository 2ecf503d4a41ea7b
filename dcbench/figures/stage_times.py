"""Seconds of each stage per epoch, by the library that did it."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dcbench.analysis.statistics.finals import measure_stage_seconds
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import COLUMNS, STAGES
from dcbench.figures import find_varied, list_values, select_rows
from dcbench.figures.style.captions import add_note, describe_timing, format_axis_value
from dcbench.figures.style.encoding import get_colour
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.theme import INK, MAX_WIDTH

FACTS = {
    "title": "Stage times per backend",
    "caption": "Mean seconds of a stage per epoch, each panel on its own scale; whiskers from the fastest to the "
    "slowest run. PCA, whitening and k-means go by the library that did them, the other stages by the run's backend: "
    "mixed where libraries share the work. All finished runs of a colour are pooled. "
    "Epochs whose clustering only served the metrics count as evaluate.",
    "per_axis": False,
}

MIXED = "mixed"
WHISKER = {"lw": 0.8, "ecolor": INK}
MAX_BAR_HEIGHT = 0.9
"""Inches that the bars of one library take at most; fewer than four bars take less."""


def draw(analysis: Analysis, axis: str | None) -> Figure:
    """Draw a panel for each stage with a bar for each library, split by architecture or dataset if they vary."""
    hue = find_varied(analysis, "arch", "dataset")
    values = list_values(analysis, hue)
    seconds = {}
    for stage in STAGES:
        table = measure_stage_seconds(analysis.results.rows, stage)
        names = table["library"].astype(str)
        # The 27 mixtures of three libraries would fill the figure; the table has a row for each.
        seconds[stage] = table.assign(library=names.where(~names.str.contains("+", regex=False), MIXED))

    most = max(table["library"].nunique() for table in seconds.values())
    panel_height = most * max(0.09 * len(values), min(0.24 * len(values), MAX_BAR_HEIGHT))
    figure = Figure(figsize=(MAX_WIDTH, 1.6 + 2 * (0.35 + panel_height)), layout="constrained")
    for panel, (stage, table) in zip(figure.subplots(2, 3).flat, seconds.items(), strict=True):
        # Bars of the mean with whiskers to the fastest and the slowest run
        libraries, height = sorted(table["library"].unique()), 0.8 / len(values)
        for index, value in enumerate(values):
            part, colour = select_rows(table, hue, value), get_colour(analysis, hue, value)
            for row, library in enumerate(libraries):
                runs = part.loc[part["library"] == library, "seconds"]
                if len(runs):
                    place, mean = row + (index - (len(values) - 1) / 2) * height, runs.mean()
                    whisker = [[mean - runs.min()], [runs.max() - mean]]
                    panel.barh(place, mean, 0.9 * height, color=colour, alpha=0.8, xerr=whisker, error_kw=WHISKER)
        panel.set_yticks(range(len(libraries)), libraries)
        panel.set_ylim(most - 0.5, -0.5)  # the same in all panels, so that bars are equally high
        panel.grid(axis="y", visible=False)
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(nbins=4))
        panel.set_title(stage)
        panel.set_xlabel(f"{COLUMNS[f'seconds_{stage}'].unit} per epoch")

    if hue:
        handles = []
        for value in values:
            label = format_axis_value(analysis, hue, value)
            handles.append(Patch(color=get_colour(analysis, hue, value), alpha=0.8, label=label))
        add_legend(figure, handles)
    add_note(figure, describe_timing(analysis.results.rows))
    return figure
