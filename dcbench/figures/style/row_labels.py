"""Panels whose rows are labelled in words, of any length, to their left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from dcbench.figures.style.captions import wrap
from dcbench.figures.style.theme import SMALL_SIZE, TEXT_SIZE


@dataclass(frozen=True)
class RowLabel:
    """A labelled row of a panel: its text, small print, and where it begins, in points from the panel's top."""

    text: str
    small_print: str
    top: float

    @property
    def height(self) -> float:
        """Points that the texts take."""
        return self.text_height + (1.25 * SMALL_SIZE * (self.small_print.count("\n") + 1) if self.small_print else 0)

    @property
    def text_height(self) -> float:
        """Points that the text takes without the small print."""
        return 1.25 * TEXT_SIZE * (self.text.count("\n") + 1)

    @property
    def centre(self) -> float:
        """The row's middle."""
        return self.top + self.height / 2


def stack_row_labels(names: Iterable[tuple[str, str]], width: float) -> list[RowLabel]:
    """A row for each text and small print, one below the other, in lines of so many inches."""
    found: list[RowLabel] = []
    for text, small in names:
        top = found[-1].top + found[-1].height + 7 if found else 5
        found.append(RowLabel(wrap(text, width, TEXT_SIZE), wrap(small, width, SMALL_SIZE), top))
    return found


def write_row_labels(panel: Axes, rows: Sequence[RowLabel]) -> None:
    """Put the rows' texts to the left of a panel whose scale becomes points from the top."""
    panel.set_ylim(rows[-1].top + rows[-1].height + 5, 0)
    panel.set_yticks([])
    where: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    where |= {"ha": "right", "va": "top"}
    for row in rows:
        panel.annotate(row.text, (0, row.centre), (-5, row.height / 2), fontsize=TEXT_SIZE, **where)
        panel.annotate(
            row.small_print, (0, row.centre), (-5, row.height / 2 - row.text_height), fontsize=SMALL_SIZE, **where
        )
