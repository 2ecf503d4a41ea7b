"""The coverage map: each planned run as a square in its state, by the axes' values and the seeds.

Colour and symbol both tell the state. Axes go to the columns from the last on, seeds innermost, the others to the rows.
"""

from __future__ import annotations

import itertools
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

from dcbench.analysis.summary import Analysis
from dcbench.figures import has_value
from dcbench.figures.style.captions import add_note, counted, format_axis_value, measure_width, shorten
from dcbench.figures.style.marks import add_legend
from dcbench.figures.style.theme import COLOURS, GREY, MAX_WIDTH, SMALL_SIZE

FACTS = {
    "title": "Coverage",
    "caption": "Every planned run of the cells as a square in its state; what is not planned is blank. Healthy, "
    "degenerate and collapsed are finished runs, by health; failed ones have a symbol for each kind. The words beneath "
    "count the reasons. Nothing is averaged and nothing left out.",
    "per_axis": False,
    "needs": "plan",
}

BLUE, ORANGE, GREEN, PURPLE, RED = COLOURS[:5]
STATES: dict[str, tuple[str, str]] = {
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

LARGEST, LETTER, GAP = 0.26, 0.13, 0.35
"""Inches of a square where there is room, inches of a line of text, and a gap in squares."""
MANY = 1_000
"""Runs from which on the squares are pixels also in SVG."""
TOLD = 4
"""Reasons that are written out."""

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Side:
    """The rows or the columns: axes, their values as text, the lines as numbers of values, and the line of each run."""

    axes: list[str]
    texts: list[list[str]]
    lines: Ints
    of_run: Ints

    def places(self) -> Any:
        """Where each line begins, in squares; a gap stands wherever another axis than the innermost changes."""
        outer = self.lines[:, :-1]
        changes = (outer[1:] != outer[:-1]).any(axis=1)
        return np.arange(len(self.lines)) + GAP * np.concatenate([[0], np.cumsum(changes)])

    def groups(self, depth: int) -> Iterator[tuple[float, float, str]]:
        """Where each group of lines begins and ends that are alike down to the depth, in squares, and its value."""
        heads, places = self.lines[:, : depth + 1], self.places()
        starts = [0, *(np.flatnonzero((heads[1:] != heads[:-1]).any(axis=1)) + 1), len(heads)]
        for first, after in itertools.pairwise(starts):
            yield places[first], places[after - 1] + 1, self.texts[depth][heads[first, depth]]


def draw(analysis: Analysis, axis: str | None) -> Figure:
    """The map of the whole matrix, whichever the axis."""
    states = analysis.results.runs.apply(state_of, axis=1)
    inner = _inner(analysis)
    down, across = (_side(analysis, names) for names in ([name for name in analysis.axes if name not in inner], inner))
    left = 0.2 + max(1.12 * measure_width(name, SMALL_SIZE) for name in inner)
    left = max(left, 0.1 + sum(map(_wide, down.axes, down.texts)))
    size = min(LARGEST, (MAX_WIDTH - left - 0.1) / (across.places()[-1] + 1))
    heads = [_high(across, depth, size) for depth in range(len(inner))]
    figure = Figure(figsize=(max(6.5, left + (across.places()[-1] + 1) * size + 0.1), 1))
    add_legend(figure, _handles(states))
    add_note(figure, *_words(analysis, states, down, across, size))
    top = 0.1 + sum(heads) + LETTER * bool(down.axes)
    high = top + (down.places()[-1] + 1) * size + 0.25 + LETTER * (figure.get_supxlabel().count("\n") + 1)
    figure.set_figheight(high + figure.legends[0].get_window_extent().height / figure.dpi + 0.1)
    panel = figure.add_axes((0, 0, 1, high / figure.get_figheight()), xlim=(0, figure.get_figwidth()), ylim=(high, 0))
    panel.set_axis_off()
    _squares(panel, states, left + across.places()[across.of_run] * size, top + down.places()[down.of_run] * size, size)
    _rows(panel, down, left, top, size)
    _columns(panel, across, left, top - LETTER * bool(down.axes), heads, size)
    return figure


def state_of(run: pd.Series) -> str:
    """The run's state as the map tells it: by health where it is done, by kind where it failed."""
    if run["state"] == "done":
        return str(run["health"]) if run["health"] in STATES else "healthy"
    kind = f"failed: {run['kind']}"
    return str(run["state"]) if run["state"] != "failed" else kind if kind in STATES else "failed: error"


# --- layout ---------------------------------------------------------------------------------


def _inner(analysis: Analysis) -> list[str]:
    """The axes of the columns: as many of the last ones as give a map that is wider than it is high, and the seeds."""
    names, wide = ["seed"], analysis.results.runs["seed"].nunique()
    for name in reversed(analysis.axes):
        wide *= len(analysis.axes[name].values)
        if wide > max(24, math.sqrt(2 * len(analysis.results.runs))):
            break
        names.insert(0, name)
    return names


def _side(analysis: Analysis, names: Sequence[str]) -> Side:
    runs = analysis.results.runs
    values = {name: analysis.axis_values.get(name) or sorted(runs["seed"].unique()) for name in names}
    numbers = np.zeros((len(runs), max(1, len(names))), dtype=np.intp)
    for column, name in enumerate(names):
        for number, value in enumerate(values[name]):
            numbers[has_value(runs[name], value), column] = number
    lines, of_run = np.unique(numbers, axis=0, return_inverse=True)
    texts = [[format_axis_value(analysis, name, value, 18) for value in values[name]] for name in names]
    return Side(list(names), texts, lines, of_run.ravel())


def _wide(name: str, texts: Sequence[str]) -> float:
    return 0.15 + max(
        1.12 * measure_width(shorten(name, 18), SMALL_SIZE), *(measure_width(text, SMALL_SIZE) for text in texts)
    )  # bold is wider


def _high(side: Side, depth: int, size: float) -> float:
    """Inches of a line of heads: of one that fits, of upright ones that fit, or none."""
    widths = [(measure_width(text, SMALL_SIZE), (end - start) * size) for start, end, text in side.groups(depth)]
    if all(wide < room - 0.02 for wide, room in widths):
        return LETTER + 0.03
    return max(wide for wide, _ in widths) + 0.08 if min(room for _, room in widths) > LETTER else 0.0


def _rows(panel: Axes, side: Side, left: float, top: float, size: float) -> None:
    at = left - sum(map(_wide, side.axes, side.texts))
    for depth, (name, texts) in enumerate(zip(side.axes, side.texts, strict=True)):
        if _told(side, depth, size):
            panel.text(at, top - 0.04, shorten(name, 18), fontsize=SMALL_SIZE, va="bottom", weight="bold")
            for start, end, text in side.groups(depth):
                panel.text(at, top + (start + end) / 2 * size, text, fontsize=SMALL_SIZE, va="center")
        at += _wide(name, texts)


def _told(side: Side, depth: int, size: float) -> bool:
    """Whether each group of rows is high enough for a line of text."""
    return min((end - start) * size for start, end, _ in side.groups(depth)) > LETTER - 0.02


def _columns(panel: Axes, side: Side, left: float, top: float, heads: Sequence[float], size: float) -> None:
    for depth, (name, high) in enumerate(zip(side.axes, heads, strict=True)):
        middle = top - 0.03 - sum(heads[depth:]) + high / 2
        if high:
            panel.text(
                left - 0.1, middle, shorten(name, 24), fontsize=SMALL_SIZE, ha="right", va="center", weight="bold"
            )
        for start, end, text in side.groups(depth) if high else ():
            turned = 90 if high > LETTER + 0.03 else 0
            panel.text(
                left + (start + end) / 2 * size,
                middle,
                text,
                fontsize=SMALL_SIZE,
                ha="center",
                va="center",
                rotation=turned,
            )


# --- squares --------------------------------------------------------------------------------


def _squares(panel: Axes, states: pd.Series, x: Any, y: Any, size: float) -> None:
    points = 72 * size
    for state, (tint, symbol) in STATES.items():
        mine = (states == state).to_numpy()
        if mine.any():
            middle = (x[mine] + size / 2, y[mine] + size / 2)
            common: dict[str, Any] = {"color": tint, "rasterized": len(states) >= MANY}
            style = _square(state)
            panel.scatter(*middle, s=(0.82 * points) ** 2, marker="s", lw=min(1.0, points / 12), **style | common)
            if symbol:
                panel.scatter(*middle, s=(0.5 * points) ** 2, marker=symbol, lw=points / 12, **common)


def _square(state: str) -> dict[str, Any]:
    """A full square for a healthy run, an empty one for what is not there yet, a pale one under a symbol."""
    if state == "healthy":
        return {}
    return {"facecolors": "none"} if state == "pending" else {"alpha": 0.25}


def _handles(states: pd.Series) -> list[Line2D]:
    """Each state that is there, with how many runs are in it."""
    found = []
    for state, (tint, symbol) in STATES.items():
        count = int((states == state).sum())
        if count:
            full = tint if state == "healthy" else "none"
            style: dict[str, Any] = {"marker": symbol or "s", "ls": "", "color": tint, "mfc": tint if symbol else full}
            found.append(Line2D([], [], **style, label=f"{state} ({count:,})"))
    return found


def _words(analysis: Analysis, states: pd.Series, down: Side, across: Side, size: float) -> Iterator[str]:
    """How many runs there are, what the squares' order is where it is not written, and why runs have no result."""
    beside = len(analysis.results.baselines)
    yield counted(len(states), "planned run") + (
        f", and {counted(beside, 'baseline')} counted apart." if beside else "."
    )
    for side, told_there in ((down, _told), (across, _high)):
        for depth, name in enumerate(side.axes):
            if not told_there(side, depth, size):
                order = ", ".join(side.texts[depth][:6]) + (", \u2026" if len(side.texts[depth]) > 6 else "")
                yield f"Unnamed for want of room, in order: {name} {order}."
    ended = analysis.results.runs["state"].isin(["failed", "skipped"])
    reasons = analysis.results.runs["reason"][ended].fillna("").map(lambda text: shorten(text, 90).rstrip("."))
    why = Counter(zip(states[ended], reasons, strict=True)).most_common()
    for (state, reason), number in why[:TOLD]:
        yield f"{number:,} {state}{': ' * bool(reason)}{reason}."
    if len(why) > TOLD:
        yield f"{counted(len(why) - TOLD, 'further reason')} in the table of runs."
