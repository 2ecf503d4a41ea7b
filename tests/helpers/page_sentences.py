"""Reads the answers of a page: each item with the question, what it is about, its verdict and its sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass
class Item:
    """One answer to a question of the page."""

    question: str
    about: str = ""
    verdict: str = ""
    text: str = ""

    @property
    def sentences(self) -> list[str]:
        # Numbers have full stops too, and `(last row). A` has the stop after a bracket.
        return re.split(r"(?<=\.) (?=[A-Z])", self.text)


class AnswersReader(HTMLParser):
    """Collects the items of the section with the answers; the links to the evidence are no part of them."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Item] = []
        self.question = ""
        self.part = ""
        self.is_inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag == "section":
            self.is_inside = named.get("id") == "answers"
        elif tag == "h3":
            self.part, self.question = "question", ""
        elif tag == "li" and self.is_inside:
            self.items.append(Item(self.question))
            self.part = "text"
        else:
            parts = {"strong": "about", "span": "verdict", "a": "link"}
            self.part = parts.get(tag, self.part)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h3", "li"):
            self.part = ""
        elif tag in ("strong", "span", "a"):
            self.part = "text"

    def handle_data(self, data: str) -> None:
        if not self.is_inside:
            return
        if self.part == "question":
            self.question += data
        elif self.part in ("about", "verdict", "text"):
            setattr(self.items[-1], self.part, getattr(self.items[-1], self.part) + data)


def read_answers(page: str) -> list[Item]:
    """Return the items of a page, with single spaces."""
    reader = AnswersReader()
    reader.feed(page)
    for item in reader.items:
        item.text = " ".join(item.text.split())  # a no-break space counts as a space
    return reader.items
