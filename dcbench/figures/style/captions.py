"""Texts of figures: values and lines cut to fit, and the note beneath a figure that says what its numbers rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from dcbench.analysis.summary import Analysis
from dcbench.core.columns import METRICS
from dcbench.core.spec import format_value
from dcbench.core.text import plural
from dcbench.figures.style.theme import FONT, SMALL_SIZE

# --- texts that fit -------------------------------------------------------------------------


def format_axis_value(analysis: Analysis, axis: str, value: object, width: int = 24) -> str:
    """Return a value in at most `width` characters, distinct from the other values of its axis."""
    values = analysis.axes[axis].values if axis in analysis.axes else ()
    text = shorten(format_value(value), width)
    twins = [other for other in values if shorten(format_value(other), width) == text]
    # Values that are alike when shortened, such as two long paths, are numbered.
    return f"{shorten(text, width - 4)} #{twins.index(value) + 1}" if len(twins) > 1 and value in twins else text


def shorten(text: str, width: int = 24) -> str:
    """Return the text on one line of at most `width` characters, with an ellipsis in the middle where it is cut."""
    font = _load_font()
    # Glyph 0 stands for every character that the font lacks; the replacement character says that one was there.
    line = "".join(char if font.get_char_index(ord(char)) else "\ufffd" for char in " ".join(text.split()))
    if len(line) <= width:
        return line
    tail = (width - 1) // 2
    return f"{line[: width - 1 - tail]}\u2026{line[len(line) - tail :]}"


def measure_width(text: str, size: float) -> float:
    """Return the width of a text in inches at a font size in points."""
    font = _load_font()
    # Measured ten times as large, because small letters are moved to whole pixels.
    font.set_size(10 * size, 72)
    font.set_text(text, 0)
    # FreeType counts in 1/64 pixels.
    return float(font.get_width_height()[0]) / 64 / 72 / 10


def _load_font() -> FT2Font:
    """Return the figures' font, which matplotlib keeps in a cache."""
    return font_manager.get_font(font_manager.findfont(FONT))


def wrap(text: str, width: float, size: float) -> str:
    """Return the text broken at spaces into lines of at most `width` inches at a font size in points."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and measure_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


# --- the note beneath a figure --------------------------------------------------------------


def add_note(figure: Figure, *sentences: str, grow: bool = False) -> None:
    """Write sentences beneath a figure, in lines that fit its width; `grow` makes the figure higher by these lines."""
    text = wrap(" ".join(sentences), figure.get_figwidth() - 0.15, SMALL_SIZE)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=SMALL_SIZE)
    if grow:
        lines = text.count("\n") + 1
        figure.set_figheight(figure.get_figheight() + (lines * 1.2 * SMALL_SIZE + 4) / 72)


def read_note(figure: Figure) -> str:
    """Return the note beneath a figure on one line."""
    return " ".join(figure.get_supxlabel().split())


TIMING_PHRASES = {
    "exclusive": "alone on the device",
    "shared": "beside other runs on the same device",
    "not recorded": "with no record of other runs on the device",
}
"""The timing of a run -> how the note puts it."""


def describe_timing(rows: pd.DataFrame) -> str:
    """Return how many runs had the device to themselves while they were timed, as a sentence."""
    counts = rows[["run_id", "timing"]].drop_duplicates("run_id")["timing"].value_counts()
    parts = [f"{plural(counts[timing], 'run')} {text}" for timing, text in TIMING_PHRASES.items() if counts.get(timing)]
    return f"Timed: {', '.join(parts)}."


def describe_rules(analysis: Analysis, metrics: Sequence[str]) -> str:
    """Return the rules that turn a run's curve of each metric into one number, as a sentence."""
    labels: dict[str, list[str]] = {}
    for metric in metrics:
        name = "times" if METRICS[metric].cost else METRICS[metric].label
        labels.setdefault(analysis.describe_rule(metric), []).append(name)
    if len(labels) == 1:
        return f"One number per run: {next(iter(labels))}."
    # Where one rule holds for all scores, "scores" says it shorter than their labels.
    score_rules = [rule for rule, names in labels.items() if names[0] != "times"]
    parts = []
    for rule, names in labels.items():
        parts.append(f"{rule} ({'scores' if [rule] == score_rules else '; '.join(dict.fromkeys(names))})")
    return f"One number per run: {', '.join(parts)}."


def describe_sample(table: pd.DataFrame) -> str:
    """Return how many cells and seeds the rows of a table rest on, such as `8 matched cells and 3 seeds`."""
    parts = []
    for name, noun in (("cells", "matched cell"), ("seeds", "seed")):
        low, high = int(table[name].min()), int(table[name].max())
        parts.append(plural(high, noun) if low == high else f"{low} to {plural(high, noun)}")
    left_out = int(table["left_out"].max())
    gaps = f"; up to {plural(left_out, 'matched pair')} left out, so that every seed has every cell" if left_out else ""
    return " and ".join(parts) + gaps


def describe_means(analysis: Analysis, matched: pd.DataFrame, field: str | None, part: str) -> Iterator[str]:
    """Yield sentences on what each mean over the matched runs covers, and on what it leaves out.

    Parameters
    ----------
    analysis
        The analysis that the means belong to.
    matched
        The finished runs whose cell and seed every part has, with columns `cell` and `seed`.
    field
        The field for whose values the cells are counted apart, such as the dataset; None counts them together.
    part
        What the means compare, in the singular: `panel` or `value`.
    """
    if matched.empty:
        yield f"No mean: no cell and seed is finished in every {part}."
        return
    cells = matched.groupby(field)["cell"].nunique() if field else pd.Series([matched["cell"].nunique()])
    fewest = f"{cells.min()} to " if cells.min() < cells.max() else ""
    yield f"Each mean: {fewest}{plural(cells.max(), 'cell')}, {plural(matched['seed'].nunique(), 'seed')}."
    if analysis.results.seed_fields != ["seed"]:
        yield "Means are of repeat 0."
    left_out = len(analysis.finals) - len(matched)
    if left_out:
        finished = plural(len(analysis.finals), "finished run")
        yield f"The means leave out {left_out} of {finished}, whose cell and seed not every {part} has."
