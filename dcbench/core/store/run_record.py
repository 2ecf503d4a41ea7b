"""Read the metrics and the last assignment of a run; a damaged file raises a ResultsError that names it."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.errors import ResultsError

Row = dict[str, str]
"""One line of metrics.csv: column -> value as written, empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The metrics and the last assignment of a run."""

    rows: list[Row]
    """The rows of metrics.csv, one for each epoch from 0 on."""
    clusters: dict[int, int] | None = None
    """Index of an image in the dataset -> its last cluster; None without assignments.npz."""


def parse_number(text: str) -> float:
    """Return the number in a cell of metrics.csv; NaN for an empty cell."""
    return float(text) if text else math.nan


def open_run_dir(path: Path) -> RunDir:
    """Return the folder of a run; raise ResultsError if `path` is not one."""
    folder = RunDir(path.absolute())  # the run id is checked against the name, which `.` does not have
    if not folder.spec_file.is_file():
        raise ResultsError(f"{path}: is not the folder of a run (no spec.yaml in it); name one of results/<matrix>/")
    MatrixDir(folder.path.parent).remember_plugins()
    return folder


def read_record(folder: RunDir) -> RunRecord:
    """Return the run's metrics and last assignment; raise ResultsError if one of its files is damaged."""
    rows = read_rows(folder)
    arrays = folder.read_assignments("indices", "assignment")
    if arrays is None:
        return RunRecord(rows=rows)
    return RunRecord(
        rows=rows, clusters=dict(zip(arrays["indices"].tolist(), arrays["assignment"].tolist(), strict=True))
    )


def read_rows(folder: RunDir) -> list[Row]:
    """Return the rows of metrics.csv so far; raise ResultsError if one is not complete or not the next epoch's."""
    try:
        header, *lines = list(csv.reader(io.StringIO(folder.read_metrics_text()[0]), strict=True)) or [[]]
    except csv.Error as error:
        raise ResultsError(f"{folder.metrics_file}: {error}; run the matrix again with --redo") from None
    rows = [dict(zip(header, line, strict=False)) for line in lines]
    for epoch, (row, line) in enumerate(zip(rows, lines, strict=True)):
        try:
            numbers = {column: parse_number(text) for column, text in row.items()}
        except ValueError:
            numbers = {}
        if len(line) != len(header) or numbers.get("epoch") != epoch:
            raise ResultsError(
                f"{folder.metrics_file}:{epoch + 2}: is not the complete row of epoch {epoch}; "
                "restore the file, or run the matrix again with --redo"
            )
    return rows
