"""Panels whose rows are labelled in words, of any length, to their left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from dcbench.figures.style.captions import wrapped
from dcbench.figures.style.theme import SMALL, TEXT


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
