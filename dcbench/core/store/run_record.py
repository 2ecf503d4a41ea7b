"""Whether two runs recorded the same: their figures, their last assignments, and what they were made with.

In: run folders, whose files are read whole or refused. Out: a Verdict, and the facts that differ. What a run cost
(time, memory) is never compared: it differs whenever the same run is repeated.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from dcbench.core.columns import COLUMNS
from dcbench.core.store.run_dir import RunDir
from dcbench.errors import ResultsError

TOLERANCE = 1e-6
"""Largest difference of two figures, and largest share of images in another cluster, that counts as equal."""

Row = dict[str, str]
"""One line of metrics.csv: column -> figure as written, empty where there is none."""


@dataclass(frozen=True)
class Record:
    """What a run left: a row an epoch, and the last cluster of each image by the image's position in the dataset.

    `clusters` is None where the run's folder holds no assignments.npz (published results leave it out).
    """

    rows: list[Row]
    clusters: dict[int, int] | None = None


@dataclass(frozen=True)
class Difference:
    """A figure that two runs wrote differently in one row; empty where one wrote none."""

    row: int
    column: str
    ours: str
    theirs: str

    @property
    def size(self) -> float:
        """|a - b| / max(1, |a|, |b|): absolute up to 1, relative above; infinite where one is no finite number."""
        a, b = _number(self.ours), _number(self.theirs)
        size = abs(a - b) / max(1.0, abs(a), abs(b))
        return size if math.isfinite(size) else math.inf


@dataclass(frozen=True)
class Verdict:
    """How one run's record stands to another's; everything that is no cost was compared.

    Identical: every figure is the same number and every image in the same cluster. Equal: no figure differs by more
    than `tolerance` (see `Difference.size`), and no larger share than that of the images is in another cluster.
    """

    tolerance: float
    rows: int
    figures: int
    images: int | None
    moved: int
    differences: list[Difference]
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
    def at_first(self) -> list[Difference]:
        """All that differs in that row."""
        return [found for found in self.differences if found.row == self.first]

    @property
    def beyond(self) -> int | None:
        """The first row in which a figure differs by more than the tolerance."""
        return next((found.row for found in self.differences if found.size > self.tolerance), None)

    @property
    def largest(self) -> Difference | None:
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


def compare(original: Record, other: Record, tolerance: float = TOLERANCE) -> Verdict:
    """The verdict on two records; costs, and columns that only one of them has, are left out."""
    columns, not_compared = _columns(original.rows, other.rows)
    pairs: list[tuple[Row, Row]] = list(zip_longest(original.rows, other.rows, fillvalue={}))
    differences = [found for row, pair in enumerate(pairs) for found in _differences(row, pair, columns)]
    figures = sum(1 for pair in pairs for name in columns if any(row.get(name) for row in pair))
    images, moved = _moved(original.clusters, other.clusters)
    return Verdict(tolerance, len(pairs), figures, images, moved, differences, not_compared)


def _columns(ours: list[Row], theirs: list[Row]) -> tuple[list[str], list[str]]:
    """The columns to compare, and those with figures that only one has: another version may write others."""
    a, b = (dict.fromkeys(rows[0] if rows else ()) for rows in (ours, theirs))
    kept = [name for name in a | b if not (name in COLUMNS and COLUMNS[name].cost)]
    told = {name for row in (*ours, *theirs) for name, figure in row.items() if figure}
    alone = [name for name in kept if (name in a) != (name in b) and name in told]
    return [name for name in kept if name in a and name in b], alone


def _differences(row: int, pair: tuple[Row, Row], columns: Iterable[str]) -> list[Difference]:
    """What differs in one row; of a row that only one run has, its epoch alone."""
    ours, theirs = pair
    told = columns if ours and theirs else ["epoch"]
    found = [Difference(row, name, ours.get(name, ""), theirs.get(name, "")) for name in told]
    return [one for one in found if one.ours != one.theirs and one.size > 0]


def _moved(ours: dict[int, int] | None, theirs: dict[int, int] | None) -> tuple[int | None, int]:
    """How many images either run has, and how many of them are not in the same cluster in both."""
    if ours is None or theirs is None:
        return None, 0
    images = ours.keys() | theirs.keys()
    return len(images), sum(1 for image in images if ours.get(image) != theirs.get(image))


def _number(figure: str) -> float:
    return float(figure) if figure else math.nan


def _as_json(found: Difference) -> dict[str, Any]:
    by = found.size if math.isfinite(found.size) else None
    return {"row": found.row, "column": found.column, "original": found.ours, "other": found.theirs, "by": by}


# --- what a run was made with -------------------------------------------------------------------

MADE_WITH = ("dcbench", "commit", "python", "libraries", "platform", "device", "cpu", "threads", "dataset")
"""The facts of provenance.json that can change what a run computes, or that tell machines apart."""


def changed(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Every name whose value differs, with both values; None where one has no such name."""
    names = dict.fromkeys([*ours, *theirs])
    return {name: (ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)}


def made_with(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of MADE_WITH in one level: libraries by their own names, the dataset's as `dataset.<fact>`."""
    facts: dict[str, Any] = {}
    for name in MADE_WITH:
        value = provenance.get(name)
        prefix = "" if name == "libraries" else f"{name}."
        facts |= {f"{prefix}{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    return {name: value for name, value in facts.items() if value is not None}


@dataclass(frozen=True)
class Beside:
    """Two runs side by side: what differs in their identities, in what they were made with, and in their figures.

    `made_with` is None where one has no provenance.json, `metrics` where one has no rows yet.
    """

    identity: dict[str, tuple[Any, Any]]
    made_with: dict[str, tuple[Any, Any]] | None
    metrics: Verdict | None

    def as_json(self) -> dict[str, Any]:
        """All of it for programs."""
        metrics = self.metrics.as_json() if self.metrics else None
        return {"identity": self.identity, "provenance": self.made_with, "metrics": metrics}


def beside(ours: RunDir, theirs: RunDir) -> Beside:
    """What two runs differ in; their last assignments are not compared, since cluster ids mean nothing across specs."""
    facts = [made_with(folder.provenance()) for folder in (ours, theirs)]
    first, second = (Record(read_rows(folder)) for folder in (ours, theirs))
    return Beside(
        changed(ours.spec().model_dump(), theirs.spec().model_dump()),
        changed(*facts) if all(facts) else None,
        compare(first, second) if first.rows and second.rows else None,
    )


# --- from disk ----------------------------------------------------------------------------------


def run_folder(path: Path) -> RunDir:
    """The folder of a run; ResultsError when `path` is none."""
    folder = RunDir(path.absolute())  # `.` has no name to check the run's id against
    if not folder.spec_file.is_file():
        raise ResultsError(f"{path}: is not the folder of a run (no spec.yaml in it); name one of results/<matrix>/")
    return folder


def read(folder: RunDir) -> Record:
    """What a run's folder holds; ResultsError when a file in it is torn."""
    return Record(read_rows(folder), _read_clusters(folder))


def read_rows(folder: RunDir) -> list[Row]:
    """The rows of metrics.csv so far; ResultsError where one is not the next epoch's or holds no number."""
    try:
        header, *lines = list(csv.reader(io.StringIO(folder.metrics_text()[0]), strict=True)) or [[]]
    except csv.Error as error:
        raise ResultsError(f"{folder.metrics_file}: {error}; run the matrix again with --redo") from None
    rows = [dict(zip(header, line, strict=False)) for line in lines]
    for number, (row, line) in enumerate(zip(rows, lines, strict=True)):
        if len(line) != len(header) or not _is_row(row, number):
            raise ResultsError(
                f"{folder.metrics_file}:{number + 2}: is not the whole row of epoch {number}; "
                "restore the file, or run the matrix again with --redo"
            )
    return rows


def _is_row(row: Row, epoch: int) -> bool:
    try:
        numbers = {column: _number(figure) for column, figure in row.items()}
    except ValueError:
        return False
    return numbers.get("epoch") == epoch


def _read_clusters(folder: RunDir) -> dict[int, int] | None:
    found = folder.assignments("indices", "assignment")
    return None if found is None else dict(zip(found["indices"].tolist(), found["assignment"].tolist(), strict=True))
