"""Read the files of some runs: state, health, timing, spec and metrics.

A run that has changed since its state was read is described as it is now. One whose files cannot be read counts as
failed, with the reason.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow
import pyarrow.csv

from dcbench.audit.health import JUDGED_COLUMNS, judge_health
from dcbench.core.columns import COLUMNS
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.errors import ResultsError

EPOCH = list(COLUMNS).index("epoch")

TIMINGS = ("exclusive", "shared", "not recorded")
"""How a run may have been timed: alone on its device, beside others, or unknown."""

NO_ROWS = np.empty((len(COLUMNS), 0))
"""The metrics of a run that is not done."""


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """What the files of some runs hold.

    Attributes:
        facts: State, health, timing and spec of each run.
        metrics: The rows of all runs, one run after another, as an array `(columns, rows)`.
        counts: The number of rows of each run.
        notes: What was wrong with the files.
    """

    facts: list[dict[str, Any]]
    metrics: np.ndarray
    counts: list[int]
    notes: list[str]


def read_run_files(runs: Sequence[PlannedRun]) -> RunFiles:
    """Read the files of these runs; note what is wrong with them."""
    notes: list[str] = []
    parsed = parse_metrics([_read_text(run, notes) for run in runs])
    checked = [_check_epochs(run, metrics, notes) for run, metrics in zip(runs, parsed, strict=True)]
    return RunFiles(
        facts=[_describe_run(run, metrics) for run, metrics in checked],
        metrics=np.concatenate([metrics for _, metrics in checked], axis=1),
        counts=[metrics.shape[1] for _, metrics in checked],
        notes=notes,
    )


def _read_text(run: PlannedRun, notes: list[str]) -> str:
    """Return the metrics.csv of a finished run; an empty text if it cannot be read, which `_check_epochs` reports."""
    if run.state.name == "done":
        with suppress(ResultsError):
            text, warning = run.folder.read_metrics_text()
            notes += [warning] if warning else []
            return text
    return ""


def _check_epochs(run: PlannedRun, metrics: np.ndarray | str, notes: list[str]) -> tuple[PlannedRun, np.ndarray]:
    """Return the run and its metrics; a run whose metrics do not hold all its epochs in order counts as failed."""
    if run.state.name != "done":
        return run, NO_ROWS
    problem = ""
    for is_last_look in (False, True):
        if isinstance(metrics, str):
            problem = f"cannot be read: {metrics}"
        elif np.array_equal(metrics[EPOCH], np.arange(run.spec.epochs + 1)):
            return run, metrics
        else:
            problem = f"does not hold the epochs 0 to {run.spec.epochs}"
        # The run may have been started again, or removed, since its state was read.
        state = run.folder.read_planned_state(run.spec)
        if state.name != "done":
            return replace(run, state=state), NO_ROWS
        # If it is done again already, the file is complete by now.
        if not is_last_look:
            (metrics,) = parse_metrics([_read_text(run, notes)])
    reason = f"{run.folder.metrics_file} {problem}; remove its folder and run the matrix again"
    notes.append(reason)
    return replace(run, state=RunState(name="failed", kind="lost", reason=reason)), NO_ROWS


def _describe_run(run: PlannedRun, metrics: np.ndarray) -> dict[str, Any]:
    """Return the state of a run, whether it shared its device, its health and its spec, by column."""
    state, health = run.state, None
    if metrics.size:
        # Only the columns that the rule uses become Python numbers; converting all of them would take most of the time.
        columns = metrics[[list(COLUMNS).index(name) for name in JUDGED_COLUMNS]]
        rows = [dict(zip(JUDGED_COLUMNS, row, strict=True)) for row in columns.T.tolist()]
        health = judge_health(rows, run.spec.k)
    timing = "not recorded"
    with suppress(ResultsError):
        provenance = run.folder.read_provenance()
        earlier = provenance.get("earlier_attempts")
        attempts = [provenance, *(earlier if isinstance(earlier, list) else [])]
        neighbours = [attempt.get("shared_with") for attempt in attempts if isinstance(attempt, dict)]
        # One attempt beside other runs is enough to slow the run; one without a record leaves the question open.
        timing = "shared" if any(neighbours) else "not recorded" if None in neighbours else "exclusive"
    return {
        "run_id": run.folder.path.name,
        "state": state.name,
        "kind": state.kind,
        "reason": state.reason,
        "last_lines": "\n".join(state.last_lines),
        "seconds": state.seconds,
        "timing": timing,
        "health": health and health.state,
        "health_since": health and health.since,
        "health_why": health and health.why,
        **run.spec.model_dump(),
        "backend": run.spec.backend,
    }


# --- metrics.csv ----------------------------------------------------------------------------

# There is a process for each core already.
_READ_OPTIONS = pyarrow.csv.ReadOptions(use_threads=False)
_CONVERT_OPTIONS = pyarrow.csv.ConvertOptions(
    column_types=dict.fromkeys(COLUMNS, pyarrow.float64()),
    include_columns=list(COLUMNS),
    include_missing_columns=True,
)


def parse_metrics(texts: Sequence[str]) -> list[np.ndarray | str]:
    """Parse the texts of metrics.csv files, each to an array `(columns, rows)`, or to what is wrong with it.

    Values that do not exist are NaN. An empty text has no rows.
    """
    # A call of pyarrow costs more than parsing a file does, so the files of many runs are parsed as one. Where that
    # fails, for one file or for different columns, each is parsed alone.
    try:
        return list(_parse_together(texts))
    except (pyarrow.ArrowException, ValueError, KeyError):
        pass
    parsed: list[np.ndarray | str] = []
    for text in texts:
        try:
            parsed += _parse_together([text])
        except (pyarrow.ArrowException, ValueError, KeyError) as error:
            parsed.append(" ".join(str(error).split()))
    return parsed


def _parse_together(texts: Sequence[str]) -> list[np.ndarray]:
    """Parse texts that have the same columns; raise ValueError if they have not, or if a line is not a row."""
    headers, bodies = zip(*(text.partition("\n")[::2] for text in texts), strict=True)
    if len(set(headers) - {""}) > 1:
        raise ValueError("the files have different columns")
    counts = [body.count("\n") for body in bodies]
    if not sum(counts):
        return [np.empty((len(COLUMNS), 0)) for _ in texts]
    csv = io.BytesIO("".join([max(headers), "\n", *bodies]).encode())
    table = pyarrow.csv.read_csv(csv, read_options=_READ_OPTIONS, convert_options=_CONVERT_OPTIONS)
    # The rows are cut apart by the lines of each file, so one skipped line would shift all files after it.
    if table.num_rows != sum(counts):
        raise ValueError("there are empty lines between the rows")
    metrics = np.stack([column.to_numpy() for column in table.columns])
    return np.split(metrics, np.cumsum(counts)[:-1], axis=1)
