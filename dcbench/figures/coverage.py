"""The coverage map: each planned run as a square in its state, by the values of the axes and the seeds.

Colour and symbol both show the state. `dcbench.analysis.coverage_map` places the squares.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcbench.analysis.coverage_map import Side, lay_out_coverage
from dcbench.analysis.summary import Analysis
from dcbench.core.text import plural
from dcbench.figures.style.captions import add_note, format_axis_value, measure_width, shorten
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.theme import COLOURS, GREY, MAX_WIDTH, SMALL_SIZE

FACTS = {
    "title": "Coverage",
    "caption": "Every planned run of the cells is a square in its state; what is not planned is blank. Healthy, "
    "degenerate and collapsed are finished runs, by their health. Failed runs have a symbol for each kind of failure. "
    "The text below counts the reasons. Nothing is averaged and nothing is left out.",
    "per_axis": False,
    "needs": "plan",
}

BLUE, ORANGE, GREEN, PURPLE, RED = COLOURS[:5]
STATE_STYLES: dict[str, tuple[str, str]] = {
    "healthy": (GREEN, ""),
    "degenerate": (ORANGE, "^"),
    "collapsed": (RED, "v"),
    "failed: error": (PURPLE, "X"),
    "failed: out_of_memory": (PURPLE, "P"),
    "failed: nan": (PURPLE, "*"),
    "failed: timeout": (PURPLE, "D"),
    "failed: crash": (PURPLE, "p"),
    "failed: lost": (PURPLE, "s"),
    "skipped": (GREY, "_"),
    "running": (BLUE, ">"),
    "pending": (GREY, ""),
}
"""State -> its colour and symbol; a pending run is an empty square."""

MAX_SQUARE = 0.26
"""Inches of a square where there is room."""
LINE_HEIGHT = 0.13
"""Inches of a line of text."""
GAP = 0.35
"""The gap between groups of squares, in squares."""
RASTERIZE_FROM = 1_000
"""Number of runs from which on the squares are pixels in SVG, too."""
MAX_REASONS = 4
"""Reasons that are written out."""
MAX_NAMED_VALUES = 6
"""Values of an axis without room for headers that the text below lists."""


@dataclass(frozen=True, kw_only=True)
class PlacedHeader:
    """A header of the map: its text, and where its squares start and end, in squares."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class PlacedSide:
    """The rows or the columns of the map, with gaps between groups.

    Attributes:
        axes: The names of the axes, outermost first.
        headers: The headers of each axis.
        starts: Where each row or column starts, in squares.
    """

    axes: tuple[str, ...]
    headers: list[list[PlacedHeader]]
    starts: npt.NDArray[np.float64]

    @property
    def length(self) -> float:
        """The length of the whole side, in squares."""
        return float(self.starts[-1]) + 1


def draw(analysis: Analysis, axis: str | None) -> Figure:
    """Draw the map of the whole matrix, whichever the axis."""
    runs = analysis.results.runs
    # With so many columns the map of a large matrix is about twice as wide as it is high.
    layout = lay_out_coverage(analysis, max(24, math.sqrt(2 * len(runs))))
    rows, columns = _place_side(analysis, layout.rows), _place_side(analysis, layout.columns)
    states = pd.Series(map(name_state, (square.state for square in layout.squares), runs["kind"]), dtype=object)
    # To the left of the squares stand the names of the columns' axes and the values of the rows, all in inches.
    widths = [_column_width(name, headers) for name, headers in zip(rows.axes, rows.headers, strict=True)]
    left = max(0.2 + max(map(_bold_width, columns.axes)), 0.1 + sum(widths))
    size = min(MAX_SQUARE, (MAX_WIDTH - left - 0.1) / columns.length)
    heights = [_header_height(columns, depth, size) for depth in range(len(columns.axes))]
    figure = Figure(figsize=(max(6.5, left + columns.length * size + 0.1), 1))
    add_legend(figure, _legend_entries(states))
    unnamed = [(rows, depth) for depth in range(len(rows.axes)) if not _fits_text(rows, depth, size)]
    unnamed += [(columns, depth) for depth, height in enumerate(heights) if not height]
    add_note(figure, *_describe(analysis, states, unnamed))
    # The note and the legend decide how high the figure is, so the panel comes last.
    top = 0.1 + sum(heights) + LINE_HEIGHT * bool(rows.axes)
    height = top + rows.length * size + 0.25 + LINE_HEIGHT * (figure.get_supxlabel().count("\n") + 1)
    figure.set_figheight(height + figure.legends[0].get_window_extent().height / figure.dpi + 0.1)
    extent = (0, 0, 1, height / figure.get_figheight())
    panel = figure.add_axes(extent, xlim=(0, figure.get_figwidth()), ylim=(height, 0))
    panel.set_axis_off()
    x = left + columns.starts[[square.column for square in layout.squares]] * size
    y = top + rows.starts[[square.row for square in layout.squares]] * size
    _draw_squares(panel, states, x, y, size)
    _draw_row_headers(panel, rows, widths, (left, top), size)
    _draw_column_headers(panel, columns, heights, (left, top - LINE_HEIGHT * bool(rows.axes)), size)
    return figure


def name_state(state: str, kind: object) -> str:
    """Return the state as the legend names it, given the state on the map and the kind of failure."""
    if state == "failed":
        return f"failed: {kind}" if f"failed: {kind}" in STATE_STYLES else "failed: error"
    return "healthy" if state == "done" else state


# --- places ---------------------------------------------------------------------------------


def _place_side(analysis: Analysis, side: Side) -> PlacedSide:
    """Return where rows or columns stand, with a gap wherever another axis than the innermost changes."""
    gaps = np.zeros(side.length)
    if len(side.headers) > 1:
        gaps[[header.start for header in side.headers[-2][1:]]] = GAP
    starts = np.arange(side.length, dtype=np.float64) + np.cumsum(gaps)
    headers = []
    for name, line in zip(side.axes, side.headers, strict=True):
        headers.append(
            [
                PlacedHeader(
                    text=format_axis_value(analysis, name, header.value, 18),
                    start=starts[header.start],
                    end=starts[header.start + header.span - 1] + 1,
                )
                for header in line
            ]
        )
    return PlacedSide(axes=side.axes, headers=headers, starts=starts)


def _bold_width(name: str) -> float:
    """Return the inches of an axis's name, which is bold and so wider than it is measured."""
    return 1.12 * measure_width(name, SMALL_SIZE)


def _column_width(name: str, headers: Sequence[PlacedHeader]) -> float:
    """Return the inches that the name and the values of an axis of the rows take."""
    texts = {header.text for header in headers}
    return 0.15 + max(_bold_width(shorten(name, 18)), *(measure_width(text, SMALL_SIZE) for text in texts))


def _header_height(columns: PlacedSide, depth: int, size: float) -> float:
    """Return the inches of a line of headers above the columns: flat where they fit, upright, or 0 for none."""
    widths = [
        (measure_width(header.text, SMALL_SIZE), (header.end - header.start) * size)
        for header in columns.headers[depth]
    ]
    if all(width < room - 0.02 for width, room in widths):
        return LINE_HEIGHT + 0.03
    fits_upright = min(room for _, room in widths) > LINE_HEIGHT
    return max(width for width, _ in widths) + 0.08 if fits_upright else 0.0


def _fits_text(side: PlacedSide, depth: int, size: float) -> bool:
    """Return whether every header of an axis has room for a line of text along the side."""
    return min(header.end - header.start for header in side.headers[depth]) * size > LINE_HEIGHT - 0.02


# --- marks ----------------------------------------------------------------------------------


def _draw_row_headers(
    panel: Axes, rows: PlacedSide, widths: Sequence[float], corner: tuple[float, float], size: float
) -> None:
    """Write names and values of the rows' axes to the left of the squares, whose upper left corner is given."""
    left, top = corner
    x = left - sum(widths)
    for depth, (name, headers, width) in enumerate(zip(rows.axes, rows.headers, widths, strict=True)):
        if _fits_text(rows, depth, size):
            panel.text(x, top - 0.04, shorten(name, 18), fontsize=SMALL_SIZE, va="bottom", weight="bold")
            for header in headers:
                middle = top + (header.start + header.end) / 2 * size
                panel.text(x, middle, header.text, fontsize=SMALL_SIZE, va="center")
        x += width


def _draw_column_headers(
    panel: Axes, columns: PlacedSide, heights: Sequence[float], corner: tuple[float, float], size: float
) -> None:
    """Write names and values of the columns' axes above the squares, whose upper left corner is given."""
    left, top = corner
    for depth, (name, headers, height) in enumerate(zip(columns.axes, columns.headers, heights, strict=True)):
        if not height:
            continue
        y = top - 0.03 - sum(heights[depth:]) + height / 2
        name = shorten(name, 24)
        panel.text(left - 0.1, y, name, fontsize=SMALL_SIZE, ha="right", va="center", weight="bold")
        style: dict[str, Any] = {"fontsize": SMALL_SIZE, "ha": "center", "va": "center"}
        style["rotation"] = 90 if height > LINE_HEIGHT + 0.03 else 0
        for header in headers:
            panel.text(left + (header.start + header.end) / 2 * size, y, header.text, **style)


def _draw_squares(panel: Axes, states: pd.Series, x: Any, y: Any, size: float) -> None:
    """Draw a square for each run, with the symbol of its state on it."""
    points = 72 * size
    for state, (colour, symbol) in STATE_STYLES.items():
        chosen = (states == state).to_numpy()
        if not chosen.any():
            continue
        common: dict[str, Any] = {"x": x[chosen] + size / 2, "y": y[chosen] + size / 2}
        common |= {"color": colour, "rasterized": len(states) >= RASTERIZE_FROM}
        # A healthy run is a full square, a pending one an empty square; under a symbol the square is pale.
        fill: dict[str, Any] = {"pending": {"facecolors": "none"}, "healthy": {}}.get(state, {"alpha": 0.25})
        panel.scatter(s=(0.82 * points) ** 2, marker="s", lw=min(1.0, points / 12), **fill, **common)
        if symbol:
            panel.scatter(s=(0.5 * points) ** 2, marker=symbol, lw=points / 12, **common)


def _legend_entries(states: pd.Series) -> list[Line2D]:
    """Return an entry for each state that some run is in, with the number of these runs."""
    counts = Counter(states)
    return [
        Line2D(
            [], [], marker=symbol or "s", ls="", color=colour, mfc="none" if state == "pending" else colour,
            label=f"{state} ({counts[state]:,})",
        )
        for state, (colour, symbol) in STATE_STYLES.items()
        if state in counts
    ]  # fmt: skip


def _describe(analysis: Analysis, states: pd.Series, unnamed: Sequence[tuple[PlacedSide, int]]) -> Iterator[str]:
    """Yield how many runs there are, the order of squares without headers, and why runs have no result."""
    baselines = len(analysis.results.baselines)
    apart = f", and {plural(baselines, 'baseline')} counted apart" if baselines else ""
    yield f"{plural(len(states), 'planned run')}{apart}."
    for side, depth in unnamed:
        texts = list(dict.fromkeys(header.text for header in side.headers[depth]))
        more = ", \u2026" if len(texts) > MAX_NAMED_VALUES else ""
        yield f"Unnamed for want of room, in order: {side.axes[depth]} {', '.join(texts[:MAX_NAMED_VALUES])}{more}."
    ended = analysis.results.runs["state"].isin(["failed", "skipped"]).to_numpy()
    reasons = analysis.results.runs["reason"][ended].fillna("").map(lambda text: shorten(text, 90).rstrip("."))
    causes = Counter(zip(states[ended], reasons, strict=True)).most_common()
    for (state, reason), count in causes[:MAX_REASONS]:
        yield f"{count:,} {state}{': ' * bool(reason)}{reason}."
    if len(causes) > MAX_REASONS:
        yield f"{plural(len(causes) - MAX_REASONS, 'further reason')} in the table of runs."
