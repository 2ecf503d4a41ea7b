"""Plots: each part turns what is told of a matrix into a matplotlib Figure. What they share lives here.

A part is `draw(told, axis) -> Figure | None`: `told` the Analysis of a matrix, `axis` the axis to draw along, or None
for a plot of the whole matrix. None instead of a figure says that there is nothing to see: the report leaves it out.
The words beneath a figure (`note`) say what is averaged there, over how many cells and seeds, and what was left out.

FACTS: `title`, `caption`, `per_axis` (drawn for each axis), and where the part asks for less or more than the usual:

    axes      "numeric": drawn along axes whose values are amounts only
    needs     "plan": drawn also before any run has finished; all others need a finished run

Colours: a value has one colour, one marker and one line in all figures of a report: `colour`, `marker`, `line`. All
text, frames and ticks are in INK, so that a page can turn it for dark mode; all else reads on both BACKGROUNDS.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dcbench import rooms
from dcbench.analysis import NUMERIC, Analysis, column
from dcbench.spec import STAGE_BACKENDS, shown

INK = "#1c1c1c"
"""Text, frames and ticks; nothing else, and nothing of these in another colour."""

GREY = "#808080"
"""What is neither value nor text; reads on both backgrounds."""

BACKGROUNDS = ("#ffffff", "#181a1f")
"""Paper, and the page in dark mode."""

COLOURS = ("#3c96ff", "#e17800", "#2d785a", "#875a87", "#c32d00", "#b487a5", "#5a4bf0", "#879669")
"""Told apart with every colour vision on both backgrounds; tests/plots/test_palette.py says by how much."""

RAMP = ("viridis", 0.25, 0.75)
"""matplotlib's map, from where to where, for amounts: lighter is more, with every colour vision."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
LINES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)))
"""The second code beside the colour; a line changes when the colours start anew."""

WIDTH = 9.5
"""Inches of the widest figure: text stays readable when it is shrunk to a page's width."""

SMALL, TEXT = 7, 8
"""Sizes of text, in points."""

FONT = "DejaVu Sans"
"""The font that comes with matplotlib, so that figures are the same everywhere."""

STYLE: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "text.parse_math": False,  # a $ in a name is a $
    "text.hinting": "none",  # words are as wide in every format: with hints 6 % wider at 110 dots an inch
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "dcbench",
    "pdf.fonttype": 42,
}
"""matplotlib settings that every figure is drawn and saved under."""


# --- which plots are drawn ------------------------------------------------------------------


def axes_of(facts: Mapping[str, Any], told: Analysis) -> list[str | None]:
    """The axes that a part with these FACTS is drawn along: [None] is the whole matrix, [] nothing."""
    if told.found.rows.empty and facts.get("needs") != "plan":
        return []
    if not facts["per_axis"]:
        return [None]
    wanted = [axis for axis in told.axes if facts.get("axes") != "numeric" or amounts(told, axis)]
    return [*wanted] if wanted or facts.get("axes") else [None]


def amounts(told: Analysis, axis: str) -> bool:
    """Whether the axis has two amounts or more that a result can be drawn against; None is no amount."""
    return axis in NUMERIC and sum(value is not None for value in told.axes[axis]) > 1


def first_varied(told: Analysis, *names: str) -> str | None:
    """The first of these fields that the matrix varies."""
    return next((name for name in names if name in told.axes), None)


# --- colours --------------------------------------------------------------------------------

ALIKE = dict.fromkeys(STAGE_BACKENDS, "backend") | {"top_optimizer": "optimizer", "top_lr": "lr"}
"""Axes with the values of another, which have their colours too."""


def colour(told: Analysis, axis: str | None, value: object) -> str:
    """The value's colour in every figure; without an axis the first colour, for what is no value GREY."""
    if axis is None:
        return COLOURS[0]
    values = _palette(told, axis)
    if value not in values:
        return GREY
    at = values.index(value)
    if axis in told.axes and amounts(told, axis):
        name, low, high = RAMP
        return to_hex(matplotlib.colormaps[name](low + (high - low) * at / (len(values) - 1)))
    return COLOURS[at % len(COLOURS)]


def marker(told: Analysis, axis: str | None, value: object) -> str:
    """The value's marker in every figure."""
    return MARKERS[_place(told, axis, value) % len(MARKERS)]


def line(told: Analysis, axis: str | None, value: object) -> Any:
    """The value's line style in every figure."""
    return LINES[_place(told, axis, value) // len(COLOURS) % len(LINES)]


def code(told: Analysis, axis: str | None, value: object) -> dict[str, Any]:
    """All three, as matplotlib's lines take them."""
    return {name: draw(told, axis, value) for name, draw in (("color", colour), ("marker", marker), ("ls", line))}


def _place(told: Analysis, axis: str | None, value: object) -> int:
    values = [] if axis is None else _palette(told, axis)
    return values.index(value) if value in values else 0


def _palette(told: Analysis, axis: str) -> list[object]:
    """All values that share the axis's palette, in the order of their colours; amounts by size, None last."""
    kind = ALIKE.get(axis, axis)
    alike = [value for name, values in told.axes.items() if ALIKE.get(name, name) == kind for value in values]
    known = rooms.names("backends") if kind == "backend" else []
    values = list(dict.fromkeys([*alike, *known]))
    if axis in told.axes and amounts(told, axis):
        values.sort(key=lambda value: math.inf if value is None else float(str(value)))
    return values


# --- rows -----------------------------------------------------------------------------------


def same(column: pd.Series, value: object) -> pd.Series:
    """Which rows have the field's value; None, which pandas equals with nothing, is one."""
    return column.isna() if value is None else column == value


# --- words ----------------------------------------------------------------------------------


def label(told: Analysis, axis: str, value: object, width: int = 24) -> str:
    """The value as figures show it: short, and unlike the axis's other values."""
    brief = {one: short(shown(one), width) for one in told.axes.get(axis, [])}
    mine = short(shown(value), width)
    twins = [one for one, text in brief.items() if text == mine]
    return f"{short(mine, width - 4)} #{twins.index(value) + 1}" if len(twins) > 1 and value in twins else mine


def short(text: str, width: int = 24) -> str:
    """One line with an ellipsis in the middle where it is longer, in characters that the font has."""
    drawable = "".join(one if ord(one) in _glyphs() else "\ufffd" for one in " ".join(text.split()))
    if len(drawable) <= width:
        return drawable
    tail = (width - 1) // 2
    return f"{drawable[: width - 1 - tail]}\u2026{drawable[len(drawable) - tail :]}"


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(_font().get_charmap())


def _font() -> FT2Font:
    return font_manager.get_font(font_manager.findfont(FONT))


def inches(text: str, size: float) -> float:
    """How wide the text is at a size in points."""
    font = _font()
    font.set_size(10 * size, 72)  # large, so that no letter is moved to a whole pixel
    font.set_text(text, 0)
    return float(font.get_width_height()[0]) / 64 / 72 / 10


def wrapped(text: str, width: float, size: float) -> str:
    """The text in lines of at most so many inches."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and inches(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def note(figure: Figure, *sentences: str) -> None:
    """Put the sentences beneath the figure, in lines that fit its width."""
    text = wrapped(" ".join(sentences), figure.get_figwidth() - 0.15, SMALL)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=SMALL)


def noted(figure: Figure) -> str:
    """The words beneath the figure, on one line."""
    return " ".join(figure.get_supxlabel().split())


def counted(number: int, word: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


COMPANY = {
    "exclusive": "with no other on the device",
    "shared": "beside other runs on the same device",
    "not recorded": "with company not recorded",
}
"""Timing of a run -> what is said of it."""


def company(rows: pd.DataFrame) -> str:
    """How many of the runs had the device for themselves while they were timed."""
    timings = rows[["run_id", "timing"]].drop_duplicates("run_id")["timing"].value_counts()
    told = [f"{counted(timings[name], 'run')} {words}" for name, words in COMPANY.items() if timings.get(name)]
    return f"Timed: {', '.join(told)}."


MOST_LINES = 100
"""Single runs that are drawn in one colour of a panel: more lie on each other and take minutes."""


def single_runs(rows: pd.DataFrame, metric: str, tint: str) -> LineCollection:
    """Runs over the epochs as one artist, and as pixels also in SVG; of very many a random sample, always the same."""
    ids = rows["run_id"].unique()
    if len(ids) > MOST_LINES:
        # every n-th run would be the same seed, or the same value of an axis
        rows = rows[rows["run_id"].isin(np.random.default_rng(0).choice(ids, MOST_LINES, replace=False))]
    there = rows[["run_id", "epoch", metric]].dropna()
    curves = [curve.to_numpy(dtype=float) for _, curve in there.groupby("run_id", sort=False)[["epoch", metric]]]
    alpha = 0.35 if len(curves) < 30 else 0.15
    return LineCollection(curves, colors=tint, lw=0.6, alpha=alpha, rasterized=True, zorder=1.1)


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """The handles' labels above the panels, in as many columns as the figure has room for."""
    texts = [str(handle.get_label()) for handle in handles]
    widest = max((inches(text, TEXT) for text in texts), default=0) + 0.5
    columns = max(1, min(len(texts), int(figure.get_figwidth() / widest)))
    made = figure.legend(handles=handles, labels=[""] * len(texts), loc="outside upper center", ncols=columns)
    for place, text in zip(made.get_texts(), texts, strict=True):
        place.set_text(text)  # a label that starts with _ would be left out


def spread(wanted: Iterable[float], apart: float, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """The places nearest to those wanted that are `apart` from each other, from low to high where that is enough."""
    places = np.asarray(list(wanted), dtype=float)
    groups: list[list[int]] = []

    def start(group: list[int]) -> float:
        """Where a group begins that stands together, half of `apart` before its first place."""
        long = apart * len(group)
        return float(max(low, min(places[group].mean() - long / 2, high - long)))

    for at in np.argsort(places, kind="stable"):
        groups.append([int(at)])
        while len(groups) > 1 and start(groups[-1]) < start(groups[-2]) + apart * len(groups[-2]):
            groups[-2:] = [groups[-2] + groups[-1]]
    for group, begin in [(group, start(group)) for group in groups]:
        places[group] = begin + apart * (np.arange(len(group)) + 0.5)
    return [float(place) for place in places]


def beneath(figure: Figure, *sentences: str) -> None:
    """A note, for which the figure grows by the lines that it takes."""
    note(figure, *(one for one in sentences if one))
    lines = figure.get_supxlabel().count("\n") + 1
    figure.set_figheight(figure.get_figheight() + (lines * 1.2 * SMALL + 4) / 72)


def ruled(told: Analysis, metrics: Sequence[str]) -> str:
    """By which rule each metric's curve became a number, as a sentence."""
    names: dict[str, list[str]] = {}
    for metric in metrics:
        names.setdefault(told.rule(metric), []).append("times" if column(metric).cost else column(metric).label)
    if len(names) == 1:
        return f"A run's numbers: {next(iter(names))}."
    scores = [rule for rule, labels in names.items() if labels[0] != "times"]
    parts = [
        f"{rule} ({'scores' if [rule] == scores else '; '.join(dict.fromkeys(labels))})"
        for rule, labels in names.items()
    ]
    return f"A run's numbers: {', '.join(parts)}."


# --- swaps and their verdicts ---------------------------------------------------------------

VERDICTS = {
    "better": (COLOURS[2], "^"),
    "worse": (COLOURS[4], "v"),
    "higher": (COLOURS[1], ">"),
    "lower": (COLOURS[1], "<"),
    "same": (COLOURS[0], "s"),
    "cannot tell": (GREY, "o"),
    "too few seeds": (GREY, "D"),
}
"""Verdict -> colour and marker; either tells them apart, but for which way an effect goes."""

BAND: dict[str, Any] = {"color": GREY, "alpha": 0.22, "lw": 0}
"""How a margin is shaded."""

GUIDE: dict[str, Any] = {"color": GREY, "alpha": 0.25, "lw": 0.5, "zorder": 0.5}
"""How the line is drawn that leads from a row's label to its marks."""


def face(verdict: str) -> str:
    """The colour inside a verdict's marker."""
    return "none" if verdict == "cannot tell" else VERDICTS[verdict][0]


def verdict_handles(verdicts: pd.Series) -> list[Artist]:
    """What a legend shows of these verdicts, and of the margin."""
    there = set(verdicts)
    handles: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, mfc=face(word), ls="", label=word)
        for word, (colour, marker) in VERDICTS.items()
        if word in there
    ]
    return [*handles, Patch(**BAND, label="margin")]


def sized(table: pd.DataFrame) -> str:
    """How many cells and seeds the table's lines stand on, and what was left out: `8 matched cells and 3 seeds`."""
    parts = []
    for name, noun in (("cells", "matched cell"), ("seeds", "seed")):
        low, high = int(table[name].min()), int(table[name].max())
        parts.append(counted(high, noun) if low == high else f"{low} to {counted(high, noun)}")
    left = int(table["left_out"].max())
    beside = f"; up to {counted(left, 'matched pair')} left out, so that every seed has every cell" if left else ""
    return " and ".join(parts) + beside


@dataclass(frozen=True)
class Row:
    """A labelled row of a panel: its text, small print, and where it begins, in points from the panel's top."""

    text: str
    small: str
    top: float

    @property
    def tall(self) -> float:
        """Points that the texts take."""
        return self.head + (1.25 * SMALL * (self.small.count("\n") + 1) if self.small else 0)

    @property
    def head(self) -> float:
        """Points that the text takes without the small print."""
        return 1.25 * TEXT * (self.text.count("\n") + 1)

    @property
    def place(self) -> float:
        """The row's middle."""
        return self.top + self.tall / 2


def rows_of(names: Iterable[tuple[str, str]], width: float) -> list[Row]:
    """A row for each text and small print, one below the other, in lines of so many inches."""
    found: list[Row] = []
    for text, small in names:
        top = found[-1].top + found[-1].tall + 7 if found else 5
        found.append(Row(wrapped(text, width, TEXT), wrapped(small, width, SMALL), top))
    return found


def write_rows(panel: Axes, rows: Sequence[Row]) -> None:
    """Put the rows' texts to the left of a panel whose scale becomes points from the top."""
    panel.set_ylim(rows[-1].top + rows[-1].tall + 5, 0)
    panel.set_yticks([])
    where: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    where |= {"ha": "right", "va": "top"}
    for row in rows:
        panel.annotate(row.text, (0, row.place), (-5, row.tall / 2), fontsize=TEXT, **where)
        panel.annotate(row.small, (0, row.place), (-5, row.tall / 2 - row.head), fontsize=SMALL, **where)
