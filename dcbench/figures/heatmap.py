"""The quality of every cell: a coloured square with its number, in rows and columns nested by the axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch, Rectangle

from dcbench.analysis.statistics.cells import average_cells, summarise_cells, tally_cells
from dcbench.analysis.statistics.effects import find_largest_effect
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import METRICS
from dcbench.core.text import plural
from dcbench.figures import list_values, select_rows
from dcbench.figures.style.captions import add_note, describe_rules, format_axis_value, measure_width, shorten, wrap
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.noise import describe_floor
from dcbench.figures.style.theme import GREY, INK, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "Every cell",
    "caption": "Each square is a cell; its number is the mean over the seeds that are done. Each dataset has its own "
    "colour scale. Hatched: not all planned runs are done; the square says how many are, or what became of them.",
    "per_axis": False,
}

MAX_ROWS, MAX_COLUMNS = 48, 16

MAX_PANELS = 4
"""Up to this many datasets have a panel each; more become rows or columns."""

MAX_NUMBERED = 200
"""Up to this many squares have their number written in them."""

WIDE_SQUARE = 0.42
"""Width in inches from which a square holds three digits."""

VALUE_LENGTH, COLUMN_NAME_LENGTH = 24, 14
"""Characters of a value, and of the name of an axis in columns."""

HATCHES = {
    "some runs missing": "//",
    "failed": "xx",
    "not run yet": "",
    "skipped": "--",
    "no value": "||",
    "not in the matrix": "",
}
"""Problem of a square -> its hatching."""

ABSENT_COLOUR = f"{GREY}40"
"""Fill of the places where the matrix has no cell."""


@dataclass(frozen=True, kw_only=True)
class Heading:
    """The values of an axis in columns: how many columns each spans, and the height in points that they take."""

    name: str
    texts: list[str]
    span: int
    upright: bool
    height: float


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which axes make panels, rows and columns.

    `axes` are the axes shown, with their values. `row_axes` and `column_axes` list the outermost axis first.
    """

    analysis: Analysis
    axes: Mapping[str, Sequence[Any]]
    panel_axis: str | None
    row_axes: list[str]
    column_axes: list[str]

    def count(self, names: Sequence[str]) -> int:
        """Return the number of combinations of the axes' values."""
        return math.prod(len(self.axes[name]) for name in names)

    def label_values(self, name: str) -> list[str]:
        """Return an axis's values as they are written around a panel."""
        return [format_axis_value(self.analysis, name, value, VALUE_LENGTH) for value in self.axes[name]]

    def find_place(self, names: Sequence[str], square: dict[Any, Any]) -> int:
        """Return the row or column of a square."""
        # The values are the digits of the place, each axis with as many as it has values.
        place = 0
        for name, value in zip(names, identify_cell(square, names), strict=True):
            place = place * len(self.axes[name]) + self.axes[name].index(value)
        return place

    @property
    def n_rows(self) -> int:
        """Number of rows of all panels together."""
        return self.count(self.row_axes) * (len(self.axes[self.panel_axis]) if self.panel_axis else 1)

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return self.count(self.column_axes)

    def measure_row_labels(self, name: str) -> float:
        """Return the width in inches that an axis's name and values take to the left of a panel."""
        texts = (shorten(name, VALUE_LENGTH), *self.label_values(name))
        return max(measure_width(text, TEXT_SIZE) for text in texts) + 0.14

    def list_headings(self, square_width: float) -> list[Heading]:
        """Return the headings of the columns, the innermost axis first."""
        headings = []
        for level in reversed(range(len(self.column_axes))):
            name, span = self.column_axes[level], self.count(self.column_axes[level + 1 :])
            texts = self.label_values(name)
            widest = max(measure_width(text, TEXT_SIZE) for text in texts)
            upright = widest + 0.04 > span * square_width
            height = 72 * widest + 6 if upright else 12
            headings.append(Heading(name=name, texts=texts, span=span, upright=upright, height=height))
        return headings


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw a panel for each dataset, or one panel for all."""
    if not analysis.axes or analysis.finals[analysis.quality].isna().all():
        return None
    layout = choose_layout(analysis)
    averaged_axes = [name for name in analysis.axes if name not in layout.axes]
    squares = collect_squares(analysis, list(layout.axes), averaged_axes)
    numbered = len(squares) <= MAX_NUMBERED

    # Squares are wide enough for the innermost column's values where the page allows it, and high enough for two
    # lines where the number of finished runs stands below the mean.
    innermost = layout.label_values(layout.column_axes[-1]) if layout.column_axes else []
    left = sum(layout.measure_row_labels(name) for name in layout.row_axes)
    width = max([0.75, *(measure_width(text, TEXT_SIZE) + 0.12 for text in innermost)])
    width = min(width, (8.2 - left) / layout.n_columns)
    height = max(0.3 if squares["problem"].any() and numbered else 0.2, 0.52 / layout.count(layout.row_axes))
    headings = layout.list_headings(width)
    top = 3 + sum(heading.height for heading in headings)

    # The names of the axes in columns reach beyond the panels' right edge, where the layout engine does not see them.
    panel_values = list_values(analysis, layout.panel_axis)
    figure_width = max(5.0, left + layout.n_columns * width + 1.3)
    figure_height = 0.3 + layout.n_rows * height + (top + 20 * len(panel_values)) / 72
    figure = Figure(figsize=(figure_width, figure_height))
    names = (shorten(name, COLUMN_NAME_LENGTH) for name in layout.column_axes)
    overhang = max((measure_width(name, TEXT_SIZE) - 0.6 for name in names), default=0) / figure_width
    figure.set_layout_engine("constrained", rect=(0, 0, 1 - max(0, overhang), 1))

    panels = figure.subplots(len(panel_values), 1, squeeze=False)[:, 0]
    for panel, value in zip(panels, panel_values, strict=True):
        # The squares with their numbers and hatches
        part = select_rows(squares, layout.panel_axis, value)
        image = draw_squares(panel, layout, part, width if numbered else 0)
        # The colour scale, which a dataset without any value lacks
        if np.isfinite(np.asarray(image.get_array())).any():
            panel_height = layout.count(layout.row_axes) * height
            scale = figure.colorbar(image, ax=panel, pad=0.015, fraction=0.05, aspect=12)
            scale.set_label(wrap(METRICS[analysis.quality].label, max(0.62, panel_height), TEXT_SIZE))
            scale.ax.locator_params(nbins=max(2, min(5, int(4 * panel_height))))
            scale.outline.set_visible(False)
        # The values around the squares; those of the columns only above the first panel
        is_first = panel is panels[0]
        write_axis_values(panel, layout, headings, is_first)
        title = format_axis_value(analysis, layout.panel_axis, value, 60) if layout.panel_axis else ""
        panel.set_title(title, loc="left", pad=(top if is_first else 0) + 5, fontweight="bold")

    # The legend: every problem that occurs
    problems = {*squares["problem"]}
    if len(squares) < layout.n_rows * layout.n_columns:
        problems.add("not in the matrix")
    handles: list[Artist] = []
    for problem, hatch in HATCHES.items():
        if problem in problems:
            face = ABSENT_COLOUR if problem == "not in the matrix" else "none"
            handles.append(Patch(fc=face, ec=GREY, lw=0.5, hatch=hatch, label=problem))
    if handles:
        add_legend(figure, handles)

    # The note: what the numbers are means over
    sentences = []
    if averaged_axes:
        cells, left_out = int(squares["cells"].max()), int(squares["left_out"].max())
        gaps = f"; {plural(left_out, 'matched run')} left out for it" if left_out else ""
        sentences.append(
            f"Too many cells to show: averaged over {', '.join(shorten(name, 60) for name in averaged_axes)}, which "
            f"change the score least, with the same {plural(cells, 'cell')} of them for every square{gaps}."
        )
    seeds, done, planned = squares["planned"].max(), squares["done"].sum(), squares["planned"].sum()
    sentences.append(
        f"{plural(len(squares), 'square')}, up to {plural(int(seeds), 'run')} each; {done} of {planned} runs done."
    )
    sentences += [describe_floor(analysis, analysis.quality), describe_rules(analysis, [analysis.quality])]
    add_note(figure, *sentences, grow=True)
    return figure


# --- what stands where ----------------------------------------------------------------------


def choose_layout(analysis: Analysis) -> Layout:
    """Return the layout nearest to a square; axes that move the quality least are left out until the squares fit."""
    outcomes = [outcome for outcome in analysis.outcomes if outcome.name == analysis.quality]

    def measure_effect(name: str) -> float:
        return max((find_largest_effect(analysis.effects, name, outcome) for outcome in outcomes), default=0.0)

    axes = dict(analysis.axis_values)
    while True:
        panel_axis = "dataset" if len(axes) > 1 and 2 <= len(axes.get("dataset", ())) <= MAX_PANELS else None
        names = [name for name in axes if name != panel_axis]
        # The axes keep the order of the matrix: the first are rows, the rest columns.
        layouts = [
            Layout(analysis=analysis, axes=axes, panel_axis=panel_axis, row_axes=names[:cut], column_axes=names[cut:])
            for cut in range(len(names) + 1)
        ]
        fitting = [layout for layout in layouts if layout.n_rows <= MAX_ROWS and layout.n_columns <= MAX_COLUMNS]
        if fitting:
            # A square is about 0.6 inches wide and 0.3 inches high.
            return min(fitting, key=lambda layout: abs(math.log(0.3 * layout.n_rows / (0.6 * layout.n_columns))))
        if len(axes) == 1:
            return layouts[-1]
        # Scores of different datasets are not averaged.
        del axes[min((name for name in axes if name != "dataset"), key=measure_effect)]


def collect_squares(analysis: Analysis, shown_axes: list[str], averaged_axes: list[str]) -> pd.DataFrame:
    """Return one row for each cell of the axes shown: planned, done, value, cells, left_out and problem."""
    metric, runs = analysis.quality, analysis.planned
    table = summarise_cells(analysis.finals, runs, shown_axes, [metric]).rename(columns={metric: "value"})
    table = table.assign(cells=1, left_out=0)
    if averaged_axes:
        # A square must not look better because a run is missing: all average the same cells of the other axes.
        means = average_cells(analysis.finals, shown_axes, averaged_axes, metric)
        by_cell = {identify_cell(mean, shown_axes): mean for mean in means.to_dict("records")}
        matches = [by_cell.get(identify_cell(square, shown_axes), {}) for square in table.to_dict("records")]
        table["value"] = [mean.get(metric, math.nan) for mean in matches]
        table["cells"] = [mean.get("cells", 0) for mean in matches]
        table["left_out"] = [mean.get("left_out", 0) for mean in matches]
    problems = []
    for square, states in zip(table.to_dict("records"), tally_cells(runs, shown_axes, "state"), strict=True):
        if not math.isnan(square["value"]):
            problems.append("" if square["done"] == square["planned"] else "some runs missing")
        elif square["done"]:
            problems.append("no value")
        else:
            problems.append("failed" if "failed" in states else "skipped" if "skipped" in states else "not run yet")
    return table.assign(problem=problems)


def identify_cell(square: dict[Any, Any], names: Sequence[str]) -> tuple[Any, ...]:
    """Return the values of a cell, with None for a missing entry, as the axes have it."""
    return tuple(None if pd.isna(square[name]) else square[name] for name in names)


# --- one panel ------------------------------------------------------------------------------


def draw_squares(panel: Axes, layout: Layout, squares: pd.DataFrame, square_width: float) -> AxesImage:
    """Draw the squares of a panel, with numbers in squares of `square_width` inches; 0 leaves the numbers out."""
    by_place = {
        (layout.find_place(layout.row_axes, square), layout.find_place(layout.column_axes, square)): square
        for square in squares.to_dict("records")
    }
    values = np.full((layout.count(layout.row_axes), layout.n_columns), np.nan)
    for place, square in by_place.items():
        values[place] = square["value"]
    image = panel.imshow(values, cmap=colormaps["cividis"], aspect="auto", interpolation="nearest")

    # Black or white, whichever can be read on the square's colour, by its luma (ITU-R BT.601).
    luma = np.asarray(image.to_rgba(values))[..., :3] @ np.array([0.299, 0.587, 0.114])
    inks = np.where(np.isnan(values), INK, np.where(luma > 0.5, "#000000", "#ffffff"))
    is_wide = square_width > WIDE_SQUARE
    for row, column in np.ndindex(values.shape):
        ink, square = inks[row, column], by_place.get((row, column), {"problem": "not in the matrix"})
        problem = square["problem"]
        # A hatch says that runs are missing.
        if problem:
            face = ABSENT_COLOUR if problem == "not in the matrix" else "none"
            edge = GREY if ink == INK else f"{ink}60"
            corner = (column - 0.5, row - 0.5)
            panel.add_patch(Rectangle(corner, 1, 1, fc=face, ec=edge, hatch=HATCHES[problem], lw=0))
        # The number, with how many runs it is the mean of where some are missing
        if square_width and (row, column) in by_place:
            if math.isnan(square["value"]):
                text = problem.removesuffix(" yet") if is_wide else ""
            else:
                text = f"{square['value']:.{3 if is_wide else 2}f}"
                text += f"\n{square['done']}/{square['planned']}" if problem else ""
            panel.text(column, row, text, color=ink, fontsize=SMALL_SIZE, ha="center", va="center")
    return image


def write_axis_values(panel: Axes, layout: Layout, headings: Sequence[Heading], is_first: bool) -> None:
    """Write the values of the rows to the left of a panel, and above the first panel those of the columns."""
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    # Italics set the name of an axis apart from its values.
    name_style: dict[str, Any] = {"xycoords": "axes fraction", "va": "bottom", "fontstyle": "italic"}

    # Columns, the innermost axis nearest to the squares; the axes' names to the right, above the colour scale
    offset = 3.0
    for heading in headings if is_first else ():
        style: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
        for index, first in enumerate(range(0, layout.n_columns, heading.span)):
            text, centre = heading.texts[index % len(heading.texts)], first + (heading.span - 1) / 2
            rotation = 90 if heading.upright else 0
            panel.annotate(text, (centre, 1), (0, offset), textcoords="offset points", rotation=rotation, **style)
        name = shorten(heading.name, COLUMN_NAME_LENGTH)
        panel.annotate(name, (1, 1), (5, offset), textcoords="offset points", ha="left", in_layout=False, **name_style)
        offset += heading.height

    # Rows, the innermost axis nearest to the squares; the axes' names above the first panel
    offset = -5.0
    for level in reversed(range(len(layout.row_axes))):
        name, span = layout.row_axes[level], layout.count(layout.row_axes[level + 1 :])
        texts = layout.label_values(name)
        style = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "center"}
        for index, first in enumerate(range(0, layout.count(layout.row_axes), span)):
            text, centre = texts[index % len(texts)], first + (span - 1) / 2
            panel.annotate(text, (0, centre), (offset, 0), textcoords="offset points", **style)
        if is_first:
            text = shorten(name, VALUE_LENGTH)
            panel.annotate(text, (0, 1), (offset, 3), textcoords="offset points", ha="right", **name_style)
        offset -= 72 * layout.measure_row_labels(name)

    # White lines between the values, thicker for outer axes
    for names, draw_line in ((layout.row_axes, panel.axhline), (layout.column_axes, panel.axvline)):
        for level in range(len(names)):
            span = layout.count(names[level + 1 :])
            for edge in range(span, layout.count(names), span):
                draw_line(edge - 0.5, color="white", lw=0.8 + 1.2 * (len(names) - 1 - level))
