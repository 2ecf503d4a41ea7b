"""A finding: the values that a sentence of the page states, and the template that words it.

The text is plain; whoever shows it has to escape it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from dcbench.core.spec import format_value
from dcbench.core.templates import template_environment
from dcbench.core.text import format_duration, plural
from dcbench.report import numbers

TEMPLATES = Path(__file__).parent / "templates"

Kind = Literal["choice", "backend", "learned", "failed", "cost", "trust"]
"""The reader's question that a finding answers; `questions` words it."""

Tone = Literal["difference", "same", "open", "bad", "plain"]
"""The colour of a verdict; its words say the same, so that nobody depends on the colour."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that the results of a matrix show.

    Attributes:
        kind: The question that it answers.
        sentence: The macro of templates/sentences.txt.j2 that words it.
        values: The arguments of that macro: numbers and names, never English.
        evidence: The id of the page's section that shows the numbers.
        about: What the sentence is about, such as an axis; empty where the sentence says it.
        verdict: The result in one to three words; empty where there is none.
        tone: The colour of the verdict.
    """

    kind: Kind
    sentence: str
    values: Mapping[str, Any]
    evidence: str
    about: str = ""
    verdict: str = ""
    tone: Tone = "plain"

    @property
    def text(self) -> str:
        """The sentence as plain text."""
        return render_sentence(self.sentence, **self.values)


def render_sentence(macro: str, **values: Any) -> str:
    """Return the text of a macro of templates/sentences.txt.j2, on one line."""
    text = getattr(load_sentences(), macro)(**values)
    # The templates break and indent lines as they like. No-break spaces stay, which str.split() would remove.
    return re.sub(r"[ \n]+", " ", text).strip()


@cache
def load_sentences() -> Any:
    """Return the module of macros with a macro for each sentence."""
    # Sentences are plain text: the page escapes them like any other value, and escaping here would do it twice.
    # Line breaks after a condition are kept, since in a sentence they are spaces.
    environment = template_environment(TEMPLATES).overlay(autoescape=False, trim_blocks=False)
    environment.filters |= {
        "difference": numbers.format_difference,
        "duration": format_duration,
        "join_words": join_words,
        "number": numbers.format_number,
        "percent": numbers.format_percent,
        "plural": plural,
        "ratio": numbers.format_ratio,
        "value": quote_value,
    }
    return environment.get_template("sentences.txt.j2").module


def join_words(words: Iterable[str]) -> str:
    """Return `a`, `a and b`, or `a, b and c`."""
    *rest, last = list(words) or [""]
    return f"{', '.join(rest)} and {last}" if rest else last


def quote_value(value: object) -> str:
    """Return a value of an axis as text, in quotation marks where it is made of several."""
    text = format_value(value)
    return f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}" if ", " in text else text
