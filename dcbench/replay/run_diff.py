"""Find what differs between two runs: their metrics, their last assignments, their specs and their environments.

What a run cost (time, memory) is never compared: it differs whenever the same run is repeated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from dcbench.core.columns import COLUMNS
from dcbench.core.store.provenance import diff_values, extract_environment
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import Row, RunRecord, parse_number, read_rows

TOLERANCE = 1e-6
"""Largest difference of two values, and largest share of images in another cluster, that counts as equal."""


@dataclass(frozen=True, kw_only=True)
class ValueDiff:
    """A value that two runs recorded differently in the same place of metrics.csv."""

    row: int
    """Row of both files, counted from 0: the epoch."""
    column: str
    """Column of both files."""

    original: str
    """Value as the first run wrote it; empty if it wrote none."""
    other: str
    """Value as the second run wrote it; empty if it wrote none."""

    @property
    def size(self) -> float:
        """Size of the difference of a and b, |a - b| / max(1, |a|, |b|); infinite if one is not a finite number.

        It is absolute for values up to 1 and relative for larger ones.
        """
        a, b = parse_number(self.original), parse_number(self.other)
        size = abs(a - b) / max(1.0, abs(a), abs(b))
        # NaN would count as equal, because no comparison with it is true.
        return size if math.isfinite(size) else math.inf

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--json`; `by` is null for a difference without a finite size."""
        return {
            "row": self.row, "column": self.column, "original": self.original, "other": self.other,
            "by": self.size if math.isfinite(self.size) else None,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunDiff:
    """What differs between the records of two runs, apart from costs.

    The records are identical if every value is the same number and every image is in the same cluster. They are equal
    if no value differs by more than the tolerance (see `ValueDiff.size`), and no larger share of the images than that
    is in another cluster.
    """

    tolerance: float
    """Largest difference that counts as equal."""
    row_count: int
    """Rows of the longer record."""

    value_count: int
    """Compared values: those that at least one run has."""
    image_count: int | None
    """Images that at least one run has clustered last; None if a run has no last assignment."""

    moved_count: int
    """Images that are not in the same cluster in both last assignments."""
    differences: list[ValueDiff]
    """Values that differ, in the order of rows and then of columns."""

    unshared_columns: list[str]
    """Columns that were not compared, because only one run has values in them."""

    @property
    def verdict(self) -> Literal["identical", "equal", "different"]:
        """The whole difference in one word."""
        if self.first_row_beyond_tolerance is not None or self.moved_count > self.tolerance * (self.image_count or 0):
            return "different"
        return "equal" if self.differences or self.moved_count else "identical"

    @property
    def first_row(self) -> int | None:
        """First row in which any value differs, by however little."""
        return self.differences[0].row if self.differences else None

    @property
    def first_differences(self) -> list[ValueDiff]:
        """All differences in the first row that has any."""
        return [diff for diff in self.differences if diff.row == self.first_row]

    @property
    def first_row_beyond_tolerance(self) -> int | None:
        """First row in which a value differs by more than the tolerance."""
        return next((diff.row for diff in self.differences if diff.size > self.tolerance), None)

    @property
    def largest_difference(self) -> ValueDiff | None:
        """Earliest difference of the largest finite size; one without a finite size if there is no other."""
        # A value that only one run has would hide all differences that have a size.
        return max(self.differences, key=lambda diff: (math.isfinite(diff.size), diff.size), default=None)

    @property
    def columns_by_first_row(self) -> dict[int, list[str]]:
        """Columns by the first row in which each differs: the way that a difference spread."""
        first_rows: dict[str, int] = {}
        for diff in self.differences:
            first_rows.setdefault(diff.column, diff.row)
        columns: dict[int, list[str]] = {}
        for column, row in first_rows.items():
            columns.setdefault(row, []).append(column)
        return columns

    def __str__(self) -> str:
        if self.verdict == "identical":
            return "identical"
        if self.verdict == "equal":
            return f"equal within {self.tolerance:g}"
        row = self.first_row_beyond_tolerance
        return "different in the last assignment" if row is None else f"different from row {self.first_row} on"

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        return {
            "verdict": self.verdict, "told": str(self), "rows": self.row_count, "figures": self.value_count,
            "images": self.image_count, "images_moved": self.moved_count, "first_row": self.first_row,
            "beyond_row": self.first_row_beyond_tolerance,
            "first_differences": [diff.as_json() for diff in self.first_differences],
            "starts": self.columns_by_first_row,
            "largest": self.largest_difference.as_json() if self.largest_difference else None,
            "not_compared": self.unshared_columns,
        }  # fmt: skip


def diff_records(original: RunRecord, other: RunRecord, tolerance: float = TOLERANCE) -> RunDiff:
    """Compare two records; costs and columns that only one of them has are left out."""
    # Another version of dcbench may write other columns. They are named if they hold values, but cannot be compared.
    first, second = (rows[0] if rows else {} for rows in (original.rows, other.rows))
    filled = {column for row in (*original.rows, *other.rows) for column, value in row.items() if value}
    columns = [column for column in first | second if not (column in COLUMNS and COLUMNS[column].cost)]
    shared = [column for column in columns if column in first and column in second]
    unshared = [column for column in columns if column not in shared and column in filled]

    differences, value_count = [], 0
    pairs: list[tuple[Row, Row]] = list(zip_longest(original.rows, other.rows, fillvalue={}))
    for number, (old, new) in enumerate(pairs):
        value_count += sum(1 for column in shared if old.get(column) or new.get(column))
        # Where one run has no such row, its missing epoch stands for all of the row's values.
        for column in shared if old and new else ["epoch"]:
            diff = ValueDiff(row=number, column=column, original=old.get(column, ""), other=new.get(column, ""))
            # `1200` and `1200.0` are the same number, only written differently.
            if diff.original != diff.other and diff.size > 0:
                differences.append(diff)

    image_count, moved_count = None, 0
    if original.clusters is not None and other.clusters is not None:
        # An image that only one run has clustered counts as moved.
        images = original.clusters.keys() | other.clusters.keys()
        image_count = len(images)
        moved_count = sum(original.clusters.get(image) != other.clusters.get(image) for image in images)
    return RunDiff(
        tolerance=tolerance, row_count=len(pairs), value_count=value_count, image_count=image_count,
        moved_count=moved_count, differences=differences, unshared_columns=unshared,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """What differs between two run folders."""

    spec_changes: dict[str, tuple[Any, Any]]
    """Fields of the spec that differ, with both values."""
    environment_changes: dict[str, tuple[Any, Any]] | None
    """Facts of provenance.json that differ, with both values; None if a run has no provenance.json."""

    metrics_diff: RunDiff | None
    """Differences of the metrics; None if a run has no rows yet."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        metrics = self.metrics_diff.as_json() if self.metrics_diff else None
        return {"identity": self.spec_changes, "provenance": self.environment_changes, "metrics": metrics}


def compare_runs(original: RunDir, other: RunDir) -> RunComparison:
    """Compare the specs, environments and metrics of two runs.

    Their last assignments are not compared: under different specs, equal cluster ids do not mean the same cluster.
    """
    environments = [extract_environment(folder.read_provenance()) for folder in (original, other)]
    first, second = (RunRecord(rows=read_rows(folder)) for folder in (original, other))
    return RunComparison(
        spec_changes=diff_values(original.read_spec().model_dump(), other.read_spec().model_dump()),
        environment_changes=diff_values(*environments) if all(environments) else None,
        metrics_diff=diff_records(first, second) if first.rows and second.rows else None,
    )
