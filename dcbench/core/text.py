"""Text that every output shares: counts, names of axes, durations, memory sizes, and GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# An underscore within a word, as in `top_optimizer`, formats nothing.
_SPECIAL = re.compile(r"[\\|`*\[]|(?<!\w)_|_(?!\w)")
"""Characters that Markdown would read as formatting, a link or the end of a cell."""


def escape_markdown(text: str) -> str:
    """Return the text on one line, with every character escaped that Markdown would interpret."""
    # A line break would end the row of a table, and `<` would begin HTML, which Markdown lets through.
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split())).replace("<", "&lt;")


def format_markdown_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with one line for each row of texts."""
    rows = [map(escape_markdown, head), ["---"] * len(head), *(map(escape_markdown, line) for line in lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def plural(count: int, noun: str) -> str:
    """Return the count with its noun: `1 run`, `2 runs`, `1,234 runs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def join_fields(names: Iterable[str]) -> str:
    """Return the fields of an axis, or one value of each, as a name: `k + epochs`."""
    return " + ".join(names)


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units: `0.52 s`, `16.5 s`, `14 min 05 s`, `3 h 24 min`, `2 d 03 h`."""
    # Rounded first, so that 59.99 s is a minute and not "60 s".
    if float(f"{seconds:.3g}") < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def format_megabytes(megabytes: float) -> str:
    """Return a memory size in MB, from 1,000 MB on in GB."""
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"
