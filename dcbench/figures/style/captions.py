"""Words in figures: values and lines that fit, and the sentences beneath a figure, which say what it stands on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import pandas as pd
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from dcbench.analysis.summary import Analysis, metric_spec
from dcbench.core.spec import format_value
from dcbench.figures.style.theme import FONT, SMALL_SIZE


def format_axis_value(analysis: Analysis, axis: str, value: object, width: int = 24) -> str:
    """The value as figures show it: short, and unlike the axis's other values."""
    brief = {one: shorten(format_value(one), width) for one in analysis.axis_values.get(axis, ())}
    mine = shorten(format_value(value), width)
    twins = [one for one, text in brief.items() if text == mine]
    return f"{shorten(mine, width - 4)} #{twins.index(value) + 1}" if len(twins) > 1 and value in twins else mine


def shorten(text: str, width: int = 24) -> str:
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


def measure_width(text: str, size: float) -> float:
    """How wide the text is at a size in points."""
    font = _font()
    font.set_size(10 * size, 72)  # large, so that no letter is moved to a whole pixel
    font.set_text(text, 0)
    return float(font.get_width_height()[0]) / 64 / 72 / 10


def wrap(text: str, width: float, size: float) -> str:
    """The text in lines of at most so many inches."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and measure_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def add_note(figure: Figure, *sentences: str) -> None:
    """Put the sentences beneath the figure, in lines that fit its width."""
    text = wrap(" ".join(sentences), figure.get_figwidth() - 0.15, SMALL_SIZE)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=SMALL_SIZE)


def read_note(figure: Figure) -> str:
    """The words beneath the figure, on one line."""
    return " ".join(figure.get_supxlabel().split())


def beneath(figure: Figure, *sentences: str) -> None:
    """A note, for which the figure grows by the lines that it takes."""
    add_note(figure, *(one for one in sentences if one))
    lines = figure.get_supxlabel().count("\n") + 1
    figure.set_figheight(figure.get_figheight() + (lines * 1.2 * SMALL_SIZE + 4) / 72)


def counted(number: int, word: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


TIMINGS = {
    "exclusive": "with no other on the device",
    "shared": "beside other runs on the same device",
    "not recorded": "with company not recorded",
}
"""Timing of a run -> what is said of it."""


def describe_timing(rows: pd.DataFrame) -> str:
    """How many of the runs had the device for themselves while they were timed."""
    timings = rows[["run_id", "timing"]].drop_duplicates("run_id")["timing"].value_counts()
    told = [f"{counted(timings[name], 'run')} {words}" for name, words in TIMINGS.items() if timings.get(name)]
    return f"Timed: {', '.join(told)}."


def describe_rules(analysis: Analysis, metrics: Sequence[str]) -> str:
    """By which rule each metric's curve became a number, as a sentence."""
    names: dict[str, list[str]] = {}
    for metric in metrics:
        names.setdefault(analysis.rule(metric), []).append(
            "times" if metric_spec(metric).cost else metric_spec(metric).label
        )
    if len(names) == 1:
        return f"A run's numbers: {next(iter(names))}."
    scores = [rule for rule, labels in names.items() if labels[0] != "times"]
    parts = [
        f"{rule} ({'scores' if [rule] == scores else '; '.join(dict.fromkeys(labels))})"
        for rule, labels in names.items()
    ]
    return f"A run's numbers: {', '.join(parts)}."


def describe_sample(table: pd.DataFrame) -> str:
    """How many cells and seeds the table's lines stand on, and what was left out: `8 matched cells and 3 seeds`."""
    parts = []
    for name, noun in (("cells", "matched cell"), ("seeds", "seed")):
        low, high = int(table[name].min()), int(table[name].max())
        parts.append(counted(high, noun) if low == high else f"{low} to {counted(high, noun)}")
    left = int(table["left_out"].max())
    beside = f"; up to {counted(left, 'matched pair')} left out, so that every seed has every cell" if left else ""
    return " and ".join(parts) + beside


def describe_means(analysis: Analysis, matched: pd.DataFrame, by: str | None, what: str) -> Iterator[str]:
    """What means over the matched runs are made of, their cells counted by a field; every `what` has all of them."""
    if matched.empty:
        yield f"No mean: no cell and seed has every {what}."
        return
    each = matched.groupby(by)["cell"].nunique() if by else pd.Series([matched["cell"].nunique()])
    fewest = f"{each.min()} to " if each.min() < each.max() else ""
    yield f"Each mean: {fewest}{counted(each.max(), 'cell')}, {counted(matched['seed'].nunique(), 'seed')}."
    left = len(analysis.finals) - len(matched)
    if left:
        yield f"The means leave out {left} of {counted(len(analysis.finals), 'finished run')}, which not every {what} has."
