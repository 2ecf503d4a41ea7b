"""TODO: one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from dcbench.core.columns import COLUMNS
from dcbench.core.store.provenance import changed_values, environment_facts
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import Row, RunRecord, _number, read_rows

TOLERANCE = 1e-6
"""Largest difference of two figures, and largest share of images in another cluster, that counts as equal."""


@dataclass(frozen=True)
class ValueDiff:
    """A figure that two runs wrote differently in one row; empty where one wrote none."""

    row: int
    column: str
    original: str
    other: str

    @property
    def size(self) -> float:
        """|a - b| / max(1, |a|, |b|): absolute up to 1, relative above; infinite where one is no finite number."""
        a, b = _number(self.original), _number(self.other)
        size = abs(a - b) / max(1.0, abs(a), abs(b))
        return size if math.isfinite(size) else math.inf


@dataclass(frozen=True)
class RunDiff:
    """How one run's record stands to another's; everything that is no cost was compared.

    Identical: every figure is the same number and every image in the same cluster. Equal: no figure differs by more
    than `tolerance` (see `Difference.size`), and no larger share than that of the images is in another cluster.
    """

    tolerance: float
    rows: int
    figures: int
    images: int | None
    moved: int
    differences: list[ValueDiff]
    not_compared: list[str]

    @property
    def name(self) -> Literal["identical", "equal", "different"]:
        """The verdict in one word."""
        if self.beyond is not None or self.moved > self.tolerance * (self.images or 0):
            return "different"
        return "equal" if self.differences or self.moved else "identical"

    @property
    def first(self) -> int | None:
        """The first row in which any figure differs, however little."""
        return self.differences[0].row if self.differences else None

    @property
    def at_first(self) -> list[ValueDiff]:
        """All that differs in that row."""
        return [found for found in self.differences if found.row == self.first]

    @property
    def beyond(self) -> int | None:
        """The first row in which a figure differs by more than the tolerance."""
        return next((found.row for found in self.differences if found.size > self.tolerance), None)

    @property
    def largest(self) -> ValueDiff | None:
        """The figure that differs most, the earliest of them; one that only one run has when there is no other."""
        return max(self.differences, key=lambda found: (math.isfinite(found.size), found.size), default=None)

    @property
    def starts(self) -> dict[int, list[str]]:
        """Row -> the columns that differ there first."""
        first: dict[str, int] = {}
        for found in self.differences:
            first.setdefault(found.column, found.row)
        return {row: [name for name in first if first[name] == row] for row in dict.fromkeys(first.values())}

    def __str__(self) -> str:
        if self.name == "identical":
            return "identical"
        if self.name == "equal":
            return f"equal within {self.tolerance:g}"
        return "different in the last assignment" if self.beyond is None else f"different from row {self.first} on"

    def as_json(self) -> dict[str, Any]:
        """All of it for programs; a difference without a size has `by` null."""
        return {
            "verdict": self.name, "told": str(self), "rows": self.rows, "figures": self.figures,
            "images": self.images, "images_moved": self.moved, "first_row": self.first, "beyond_row": self.beyond,
            "first_differences": [_as_json(found) for found in self.at_first], "starts": self.starts,
            "largest": _as_json(self.largest) if self.largest else None, "not_compared": self.not_compared,
        }  # fmt: skip


def diff_records(original: RunRecord, other: RunRecord, tolerance: float = TOLERANCE) -> RunDiff:
    """The verdict on two records; costs, and columns that only one of them has, are left out."""
    columns, not_compared = _columns(original.rows, other.rows)
    pairs: list[tuple[Row, Row]] = list(zip_longest(original.rows, other.rows, fillvalue={}))
    differences = [found for row, pair in enumerate(pairs) for found in _differences(row, pair, columns)]
    figures = sum(1 for pair in pairs for name in columns if any(row.get(name) for row in pair))
    images, moved = _moved(original.clusters, other.clusters)
    return RunDiff(tolerance, len(pairs), figures, images, moved, differences, not_compared)


def _columns(ours: list[Row], theirs: list[Row]) -> tuple[list[str], list[str]]:
    """The columns to compare, and those with figures that only one has: another version may write others."""
    a, b = (dict.fromkeys(rows[0] if rows else ()) for rows in (ours, theirs))
    kept = [name for name in a | b if not (name in COLUMNS and COLUMNS[name].cost)]
    told = {name for row in (*ours, *theirs) for name, figure in row.items() if figure}
    alone = [name for name in kept if (name in a) != (name in b) and name in told]
    return [name for name in kept if name in a and name in b], alone


def _differences(row: int, pair: tuple[Row, Row], columns: Iterable[str]) -> list[ValueDiff]:
    """What differs in one row; of a row that only one run has, its epoch alone."""
    ours, theirs = pair
    told = columns if ours and theirs else ["epoch"]
    found = [ValueDiff(row, name, ours.get(name, ""), theirs.get(name, "")) for name in told]
    return [one for one in found if one.original != one.other and one.size > 0]


def _moved(ours: dict[int, int] | None, theirs: dict[int, int] | None) -> tuple[int | None, int]:
    """How many images either run has, and how many of them are not in the same cluster in both."""
    if ours is None or theirs is None:
        return None, 0
    images = ours.keys() | theirs.keys()
    return len(images), sum(1 for image in images if ours.get(image) != theirs.get(image))


def _as_json(difference: ValueDiff) -> dict[str, Any]:
    by = difference.size if math.isfinite(difference.size) else None
    return {
        "row": difference.row,
        "column": difference.column,
        "original": difference.original,
        "other": difference.other,
        "by": by,
    }


@dataclass(frozen=True)
class RunComparison:
    """Two runs side by side: what differs in their identities, in what they were made with, and in their figures.

    `made_with` is None where one has no provenance.json, `metrics` where one has no rows yet.
    """

    identity: dict[str, tuple[Any, Any]]
    environment: dict[str, tuple[Any, Any]] | None
    metrics: RunDiff | None

    def as_json(self) -> dict[str, Any]:
        """All of it for programs."""
        metrics = self.metrics.as_json() if self.metrics else None
        return {"identity": self.identity, "provenance": self.environment, "metrics": metrics}


def compare_runs(ours: RunDir, theirs: RunDir) -> RunComparison:
    """What two runs differ in; their last assignments are not compared, since cluster ids mean nothing across specs."""
    facts = [environment_facts(folder.provenance()) for folder in (ours, theirs)]
    first, second = (RunRecord(read_rows(folder)) for folder in (ours, theirs))
    return RunComparison(
        changed_values(ours.spec().model_dump(), theirs.spec().model_dump()),
        changed_values(*facts) if all(facts) else None,
        diff_records(first, second) if first.rows and second.rows else None,
    )
