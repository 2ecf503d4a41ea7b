"""The quality of every cell: a coloured square with its number, rows and columns nested by the axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
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
from dcbench.analysis.summary import Analysis, metric_spec
from dcbench.core.text import plural
from dcbench.figures.style.captions import (
    add_note,
    describe_rules,
    format_axis_value,
    measure_width,
    shorten,
    wrap,
)
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.theme import GREY, INK, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "Every cell",
    "caption": "Each square is a cell, its number the mean over the seeds that are done. Each data set has a scale of "
    "its own. Hatched: not all planned runs are done; the square says how many are, or what became of them.",
    "per_axis": False,
}

MOST_ROWS, MOST_COLUMNS = 48, 16

PANELS = 4
"""Data sets up to which each has a panel; more are rows or columns."""

PRINTED = 200
"""Squares up to which the numbers stand in them."""

ROOMY = 0.42
"""Width (in) from which a square holds three digits."""


MOST_LETTERS, MOST_NAMED = 24, 14
"""Of a value, and of the name of an axis in columns."""

GAPS = {
    "some runs missing": "//",
    "failed": "xx",
    "not run yet": "",
    "skipped": "--",
    "no value": "||",
    "not in the matrix": "",
}
"""What may be amiss with a square, and its hatching."""

ABSENT = f"{GREY}40"
"""Where the matrix has no cell."""

NAME = {"fontstyle": "italic"}
"""How an axis's name is set apart from its values."""


@dataclass(frozen=True)
class _Layout:
    """Which axes make panels, rows and columns, the outermost first."""

    told: Analysis
    axes: Mapping[str, Sequence[Any]]
    panel: str | None
    rows: list[str]
    columns: list[str]

    def size(self, names: Sequence[str]) -> int:
        """How many combinations of their values there are."""
        return math.prod(len(self.axes[name]) for name in names)

    def words(self, name: str) -> list[str]:
        """An axis's values, as they stand beside the squares."""
        return [format_axis_value(self.told, name, value, MOST_LETTERS) for value in self.axes[name]]

    def place(self, names: Sequence[str], square: dict[Any, Any]) -> int:
        """Which row or column the square stands in."""
        place = 0
        for name, value in zip(names, _key(square, names), strict=True):
            place = place * len(self.axes[name]) + self.axes[name].index(value)
        return place

    @property
    def tall(self) -> int:
        """Rows of all panels."""
        return self.size(self.rows) * (len(self.axes[self.panel]) if self.panel else 1)

    @property
    def wide(self) -> int:
        """Columns."""
        return self.size(self.columns)


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """A panel for each data set, or one panel."""
    if not analysis.axes or analysis.finals[analysis.quality].isna().all():
        return None
    layout = _layout(analysis)
    kept = [name for name in analysis.axes if name in (layout.panel, *layout.rows, *layout.columns)]
    squares = _squares(analysis, kept)
    wide, tall = _square_size(layout, squares)
    parts = _parts(layout, squares, analysis)
    bodies = layout.tall * tall + (_top(layout, wide) + 20 * len(parts)) / 72
    size = (max(5.0, _left(layout) + layout.wide * wide + 1.3), 0.3 + bodies)
    figure = Figure(figsize=size)
    beyond = (
        max((measure_width(shorten(name, MOST_NAMED), TEXT_SIZE) - 0.6 for name in layout.columns), default=0) / size[0]
    )
    figure.set_layout_engine("constrained", rect=(0, 0, 1 - max(0, beyond), 1))
    add_note(
        figure,
        _averaged(analysis, kept, squares),
        _counts(squares),
        describe_rules(analysis, [analysis.quality]),
        grow=True,
    )
    panels = figure.subplots(len(parts), 1, squeeze=False)[:, 0]
    for panel, (title, part) in zip(panels, parts, strict=True):
        image = _panel(panel, layout, part, wide if len(squares) <= PRINTED else 0)
        _bar(figure, panel, image, metric_spec(analysis.quality).label, layout.size(layout.rows) * tall)
        _frame(panel, layout, title, wide, heads=panel is panels[0])
    if handles := _handles(squares, len(squares) == layout.tall * layout.wide):
        add_legend(figure, handles)
    return figure


def _square_size(layout: _Layout, squares: pd.DataFrame) -> tuple[float, float]:
    """Width and height (in): wide enough for the columns' values if it can be, high enough for two lines if need be."""
    inner = layout.words(layout.columns[-1]) if layout.columns else []
    wanted = max([0.75, *(measure_width(word, TEXT_SIZE) + 0.12 for word in inner)])
    tall = max(0.3 if squares["amiss"].any() and len(squares) <= PRINTED else 0.2, 0.52 / layout.size(layout.rows))
    return min(wanted, (8.2 - _left(layout)) / layout.wide), tall


def _left(layout: _Layout) -> float:
    """Inches that the rows' labels take."""
    return sum(_width(layout, name) for name in layout.rows)


# --- what stands where ----------------------------------------------------------------------


def _layout(analysis: Analysis) -> _Layout:
    """Every axis, or without those that move the quality least, as long as there are too many squares."""
    axes = dict(analysis.axis_values)
    while (found := _split(analysis, axes)) is None:
        weakest = min((name for name in axes if name != "dataset"), key=lambda name: _moved(analysis, name))
        del axes[weakest]
    return found


def _moved(analysis: Analysis, axis: str) -> float:
    """By how much the axis moves the quality."""
    outcomes = [one for one in analysis.outcomes if one.name == analysis.quality]
    return max((find_largest_effect(analysis.effects, axis, one) for one in outcomes), default=0.0)


def _split(analysis: Analysis, axes: Mapping[str, Sequence[Any]]) -> _Layout | None:
    """The axes in order, the last of them in columns, so that the figure comes out most like a square."""
    panel = "dataset" if len(axes) > 1 and len(axes.get("dataset", ())) in range(2, PANELS + 1) else None
    rest = [name for name in axes if name != panel]
    layouts = [_Layout(analysis, axes, panel, rest[:at], rest[at:]) for at in range(len(rest) + 1)]
    fit = [one for one in layouts if one.tall <= MOST_ROWS and one.wide <= MOST_COLUMNS]
    if len(axes) == 1 and not fit:
        return layouts[-1]
    return min(fit, key=lambda one: abs(math.log(0.3 * one.tall / (0.6 * one.wide))), default=None)


def _squares(analysis: Analysis, kept: list[str]) -> pd.DataFrame:
    """A line for each cell of the kept axes: planned, done, `value`, and what is amiss, if anything."""
    metric, runs = analysis.quality, analysis.results.runs
    over = [name for name in analysis.axes if name not in kept]
    table = summarise_cells(analysis.finals, runs, kept, [metric]).rename(columns={metric: "value"})
    table = table.assign(states=tally_cells(runs, kept, "state"), cells=1, left_out=0)
    if over:
        means = average_cells(analysis.finals, kept, over, metric)
        known = {_key(line, kept): line for line in means.to_dict("records")}
        lines = [known.get(_key(square, kept), {}) for square in table.to_dict("records")]
        table["value"] = [line.get(metric, math.nan) for line in lines]
        table["cells"], table["left_out"] = ([line.get(name, 0) for line in lines] for name in ("cells", "left_out"))
    return table.assign(amiss=[_amiss(square) for square in table.to_dict("records")])


def _key(square: dict[Any, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(None if pd.isna(square[name]) else square[name] for name in names)


def _amiss(square: dict[Any, Any]) -> str:
    if not math.isnan(square["value"]):
        return "" if square["done"] == square["planned"] else "some runs missing"
    if square["done"]:
        return "no value"
    return "failed" if "failed" in square["states"] else "skipped" if "skipped" in square["states"] else "not run yet"


def _parts(layout: _Layout, squares: pd.DataFrame, analysis: Analysis) -> list[tuple[str, pd.DataFrame]]:
    if layout.panel is None:
        return [("", squares)]
    name = layout.panel
    return [
        (format_axis_value(analysis, name, value, 60), squares[squares[name] == value])
        for value in analysis.axes[name].values
    ]


# --- a panel --------------------------------------------------------------------------------


def _panel(panel: Axes, layout: _Layout, part: pd.DataFrame, room: float) -> AxesImage:
    """The squares; `room` is how wide one is (in), 0 where there is no room for numbers."""
    squares = {
        (layout.place(layout.rows, one), layout.place(layout.columns, one)): one for one in part.to_dict("records")
    }
    numbers = np.full((layout.size(layout.rows), layout.wide), np.nan)
    for place, square in squares.items():
        numbers[place] = square["value"]
    image = panel.imshow(numbers, cmap=colormaps["cividis"], aspect="auto", interpolation="nearest")
    inks = _inks(image, numbers)
    for place in np.ndindex(numbers.shape):
        ink, square = inks[place], squares.get(place, {"amiss": "not in the matrix"})
        if square["amiss"]:
            panel.add_patch(_gap(place, square["amiss"], ink))
        if room and place in squares:
            panel.text(*place[::-1], _text(square, room), color=ink, fontsize=SMALL_SIZE, ha="center", va="center")
    return image


def _inks(image: AxesImage, numbers: Any) -> Any:
    """For each square what can be read on its colour; INK where there is none."""
    light = np.asarray(image.to_rgba(numbers))[..., :3] @ np.array([0.299, 0.587, 0.114])
    return np.where(np.isnan(numbers), INK, np.where(light > 0.5, "#000000", "#ffffff"))


def _gap(place: tuple[int, ...], amiss: str, ink: str) -> Rectangle:
    row, across = place
    face = ABSENT if amiss == "not in the matrix" else "none"
    edge = GREY if ink == INK else f"{ink}60"
    return Rectangle((across - 0.5, row - 0.5), 1, 1, fc=face, ec=edge, hatch=GAPS[amiss], lw=0)


def _text(square: dict[Any, Any], room: float) -> str:
    if math.isnan(square["value"]):
        return str(square["amiss"]).removesuffix(" yet") if room > ROOMY else ""
    number = f"{square['value']:.{3 if room > ROOMY else 2}f}"
    return f"{number}\n{square['done']}/{square['planned']}" if square["amiss"] else number


def _bar(figure: Figure, panel: Axes, image: AxesImage, title: str, tall: float) -> None:
    """The scale beside a panel that is so tall (in)."""
    if np.isfinite(np.asarray(image.get_array())).any():  # a data set may have none
        bar = figure.colorbar(image, ax=panel, pad=0.015, fraction=0.05, aspect=12)
        bar.set_label(wrap(title, max(0.62, tall), TEXT_SIZE))
        bar.ax.locator_params(nbins=max(2, min(5, int(4 * tall))))
        bar.outline.set_visible(False)


# --- the axes' values around a panel --------------------------------------------------------


def _frame(panel: Axes, layout: _Layout, title: str, room: float, heads: bool) -> None:
    """The values of the rows at the left, and in the first panel those of the columns on top."""
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    if heads:
        _across(panel, layout, room)
    _down(panel, layout, heads)
    top = _top(layout, room) if heads else 0
    panel.set_title(title, loc="left", pad=top + 5, fontweight="bold")
    for names, line in ((layout.rows, panel.axhline), (layout.columns, panel.axvline)):
        for level in range(len(names)):
            span = layout.size(names[level + 1 :])
            for at in range(span, layout.size(names), span):
                line(at - 0.5, color="white", lw=0.8 + 1.2 * (len(names) - 1 - level))


def _levels(layout: _Layout, room: float) -> Iterator[tuple[str, list[str], int, bool, float]]:
    """Of each axis in columns, the innermost first: name, values, columns that one spans, upright?, points taken."""
    for level in reversed(range(len(layout.columns))):
        words, span = layout.words(layout.columns[level]), layout.size(layout.columns[level + 1 :])
        long = max(measure_width(word, TEXT_SIZE) for word in words)
        upright = long + 0.04 > span * room
        yield layout.columns[level], words, span, upright, 72 * long + 6 if upright else 12


def _top(layout: _Layout, room: float) -> float:
    """Points that the columns' values take."""
    return 3 + sum(taken for *_, taken in _levels(layout, room))


def _across(panel: Axes, layout: _Layout, room: float) -> None:
    """The columns' values, the innermost axis nearest, and the axes' names beside them, over the scale."""
    top = 3.0
    for name, words, span, upright, taken in _levels(layout, room):
        for place in range(0, layout.wide, span):
            word, middle = words[place // span % len(words)], place + (span - 1) / 2
            _put(panel, word, (middle, 1), (0, top), ("data", "axes fraction"), rotation=90 * upright)
        _put(panel, shorten(name, MOST_NAMED), (1, 1), (5, top), "axes fraction", ha="left", **NAME, in_layout=False)
        top += taken


def _down(panel: Axes, layout: _Layout, heads: bool) -> None:
    """The rows' values, the innermost axis nearest."""
    left = -5.0
    for level in reversed(range(len(layout.rows))):
        name = layout.rows[level]
        words, span = layout.words(name), layout.size(layout.rows[level + 1 :])
        for place in range(0, layout.size(layout.rows), span):
            at = (0, place + (span - 1) / 2)
            _put(
                panel,
                words[place // span % len(words)],
                at,
                (left, 0),
                ("axes fraction", "data"),
                ha="right",
                va="center",
            )
        if heads:
            _put(panel, shorten(name, MOST_LETTERS), (0, 1), (left, 3), "axes fraction", ha="right", **NAME)
        left -= 72 * _width(layout, name)


def _put(panel: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], where: Any, **how: Any) -> None:
    style = {"ha": "center", "va": "bottom"} | how
    panel.annotate(text, at, offset, xycoords=where, textcoords="offset points", **style)


def _width(layout: _Layout, name: str) -> float:
    """Inches that an axis's name and values take at the left."""
    return max(measure_width(word, TEXT_SIZE) for word in (shorten(name, MOST_LETTERS), *layout.words(name))) + 0.14


# --- words ----------------------------------------------------------------------------------


def _handles(squares: pd.DataFrame, whole: bool) -> list[Artist]:
    there = {*squares["amiss"], *([] if whole else ["not in the matrix"])}
    return [
        Patch(fc=ABSENT if name == "not in the matrix" else "none", ec=GREY, lw=0.5, hatch=hatch, label=name)
        for name, hatch in GAPS.items()
        if name in there
    ]


def _averaged(analysis: Analysis, kept: list[str], squares: pd.DataFrame) -> str:
    """Which axes the squares are means over, and of how many cells."""
    over = [shorten(name, 60) for name in analysis.axes if name not in kept]
    if not over:
        return ""
    cells, left = int(squares["cells"].max()), int(squares["left_out"].max())
    beside = f"; {plural(left, 'matched run')} left out for it" if left else ""
    return (
        f"Too many cells to show: averaged over {', '.join(over)}, which move it least, with the same "
        f"{plural(cells, 'cell')} of them for every square{beside}."
    )


def _counts(squares: pd.DataFrame) -> str:
    done, planned = int(squares["done"].sum()), int(squares["planned"].sum())
    seeds = squares["planned"].max()
    return f"{plural(len(squares), 'square')}, up to {plural(int(seeds), 'run')} each; {done} of {planned} runs done."
