"""What computing runs again came to: for each value that differs, for each run, and for a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TOLERANCE = 1e-9
"""Largest difference of two values that counts as equal.

Exact equality would ask too much: another version of numpy adds up in another order, which changes the last digits. One
image in another cluster changes the share of images in a cluster by 1 / images, which is far more than this.
"""


@dataclass(frozen=True, kw_only=True)
class ValueDiff:
    """A value of metrics.csv that does not follow from the predictions.

    Attributes:
        row: The epoch of the row.
        column: The column.
        recorded: The value in metrics.csv as it is written there; empty if there is none.
        recomputed: The value that follows from the predictions; None if none does.
    """

    row: int
    column: str
    recorded: str
    recomputed: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        return {
            "row": self.row, "column": self.column, "recorded": self.recorded, "recomputed": self.recomputed,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What computing one run again came to.

    Attributes:
        run_id: The run.
        not_checked: Why nothing was computed, although nothing is wrong; empty if something was.
        problems: What is wrong with the files of the run, each with the name of the file and what to do.
        value_count: The values that were compared.
        largest_difference: The largest difference among those that count as equal.
        differences: The values that differ, in the order of rows and then of columns.
        missing_rows: The rows of metrics.csv without predictions, as large runs have between their first and last row.
        unchecked_labels: Why the true labels were not compared with the dataset; empty if they were.
    """

    run_id: str
    not_checked: str = ""
    problems: tuple[str, ...] = ()
    value_count: int = 0
    largest_difference: float = 0.0
    differences: tuple[ValueDiff, ...] = ()
    missing_rows: int = 0
    unchecked_labels: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing that was checked is wrong."""
        return not self.problems and not self.differences

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--json`; a reason is null where there is none."""
        return {
            "run": self.run_id, "passed": self.passed, "not_checked": self.not_checked or None,
            "problems": self.problems, "values": self.value_count, "largest_difference": self.largest_difference,
            "differences": [diff.as_json() for diff in self.differences], "missing_rows": self.missing_rows,
            "labels_not_checked": self.unchecked_labels or None,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MatrixResult:
    """What computing the runs of a matrix again came to, run by run."""

    name: str
    runs: Sequence[RunResult]

    @property
    def recomputed(self) -> list[RunResult]:
        """The runs of which values were compared."""
        return [run for run in self.runs if run.value_count]

    @property
    def value_count(self) -> int:
        """The values that were compared."""
        return sum(run.value_count for run in self.runs)

    @property
    def difference_count(self) -> int:
        """The values that differ."""
        return sum(len(run.differences) for run in self.runs)

    @property
    def largest_difference(self) -> float:
        """The largest difference among those that count as equal."""
        return max((run.largest_difference for run in self.runs), default=0.0)

    @property
    def passed(self) -> bool:
        """Whether nothing that was checked is wrong."""
        return all(run.passed for run in self.runs)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        return {
            "name": self.name, "passed": self.passed, "tolerance": TOLERANCE, "recomputed": len(self.recomputed),
            "values": self.value_count, "differing": self.difference_count,
            "runs": [run.as_json() for run in self.runs],
        }  # fmt: skip
