"""Numbers as sentences and tables tell them: with sign, unit and as many digits as they bear; a Sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"

Kind = Literal["choice", "backend", "learned", "failed", "cost", "trust"]
"""Which question of the reader a sentence answers."""

Tone = Literal["told", "same", "open", "bad", "plain"]
"""How a sentence's verdict is coloured; the word beside it says the same."""


@dataclass(frozen=True)
class Sentence:
    """One thing that a matrix says: what it is about, the verdict in a word or two, the text, where the evidence is.

    `evidence` is the id of the page's section.
    """

    kind: Kind
    text: str
    evidence: str
    about: str = ""
    verdict: str = ""
    tone: Tone = "plain"


def number(value: float) -> str:
    """A score to three digits, a larger amount to one after the point; empty when there is none."""
    if pd.isna(value):
        return ""
    return _minus(f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}")


def signed(value: float) -> str:
    """The same with its sign, as differences are told."""
    if pd.isna(value):
        return ""
    text = number(value)
    return text if text.startswith(MINUS) or not text.strip("0.") else f"+{text}"


def times(value: float) -> str:
    """A ratio, to three digits at most."""
    if pd.isna(value):
        return ""
    return TIMES + (f"{value:.2f}" if 0.1 <= value < 10 else f"{value:.2g}" if value < 0.1 else f"{value:.0f}")


def share(value: float) -> str:
    """A share as whole percents."""
    return f"{value:.0%}".replace("%", "\N{NO-BREAK SPACE}%")


def duration(seconds: float) -> str:
    """Seconds in the unit that fits: `16.5 s`, `14 min`, `3.4 h`, `2.1 days`."""
    for unit, size in (("days", 172_800), ("h", 7_200), ("min", 120)):  # from two of a unit on
        if seconds >= size:
            return f"{2 * seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def count(how_many: int, what: str) -> str:
    """`1 run`, `48 runs`."""
    return f"{how_many:,} {what}{'' if how_many == 1 else 's'}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _minus(text: str) -> str:
    """A true minus, and none before a number that is all zeros."""
    if not text.startswith("-"):
        return text
    return MINUS + text[1:] if text.strip("-0.") else text[1:]
