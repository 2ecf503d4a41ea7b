"""Text and tables in GitHub's Markdown: what is not meant as formatting is shown as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"[\\|`*\[]|(?<!\w)_|_(?!\w)")
"""What would be formatting or a link, or would end a cell; an underscore within a word is none of these."""


def escape_markdown(text: str) -> str:
    """The text on one line."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split())).replace("<", "&lt;")


def markdown_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table of texts."""
    told = [map(escape_markdown, head), ["---"] * len(head), *(map(escape_markdown, line) for line in lines)]
    return "".join(f"| {' | '.join(line)} |\n" for line in told)
