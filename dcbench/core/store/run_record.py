"""Whether two runs recorded the same: their figures, their last assignments, and what they were made with.

In: run folders, whose files are read whole or refused. Out: a Verdict, and the facts that differ. What a run cost
(time, memory) is never compared: it differs whenever the same run is repeated.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from dcbench.core.store.run_dir import RunDir
from dcbench.errors import ResultsError

Row = dict[str, str]
"""One line of metrics.csv: column -> figure as written, empty where there is none."""


@dataclass(frozen=True)
class RunRecord:
    """What a run left: a row an epoch, and the last cluster of each image by the image's position in the dataset.

    `clusters` is None where the run's folder holds no assignments.npz (published results leave it out).
    """

    rows: list[Row]
    clusters: dict[int, int] | None = None


def parse_number(figure: str) -> float:
    return float(figure) if figure else math.nan


# --- what a run was made with -------------------------------------------------------------------


# --- from disk ----------------------------------------------------------------------------------


def open_run_dir(path: Path) -> RunDir:
    """The folder of a run; ResultsError when `path` is none."""
    folder = RunDir(path.absolute())  # `.` has no name to check the run's id against
    if not folder.spec_file.is_file():
        raise ResultsError(f"{path}: is not the folder of a run (no spec.yaml in it); name one of results/<matrix>/")
    return folder


def read_record(folder: RunDir) -> RunRecord:
    """What a run's folder holds; ResultsError when a file in it is torn."""
    return RunRecord(read_rows(folder), _read_clusters(folder))


def read_rows(folder: RunDir) -> list[Row]:
    """The rows of metrics.csv so far; ResultsError where one is not the next epoch's or holds no number."""
    try:
        header, *lines = list(csv.reader(io.StringIO(folder.read_metrics_text()[0]), strict=True)) or [[]]
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
        numbers = {column: parse_number(figure) for column, figure in row.items()}
    except ValueError:
        return False
    return numbers.get("epoch") == epoch


def _read_clusters(folder: RunDir) -> dict[int, int] | None:
    found = folder.read_assignments("indices", "assignment")
    return None if found is None else dict(zip(found["indices"].tolist(), found["assignment"].tolist(), strict=True))
