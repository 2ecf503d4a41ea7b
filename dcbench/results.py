"""Run folders read into one tidy frame.

In: a matrix's results folder. Out: a Results, whose `rows` has a line for each run and epoch and whose
`runs` a line for each planned run, done or not. Nothing on disk is trusted: what cannot be read is told in `notes`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from dcbench import ledger
from dcbench.columns import COLUMNS
from dcbench.ledger import Entry
from dcbench.rundir import MatrixDir, State


@dataclass(frozen=True)
class Results:
    """What a matrix came to.

    `runs`: run_id, state, kind, reason, seconds, the spec's fields and `backend`.
    `rows`: the same fields with the columns of metrics.csv, done runs only.
    `axes`: each varied field with its values in the plan's order.
    """

    name: str
    axes: dict[str, list[object]]
    runs: pd.DataFrame
    rows: pd.DataFrame
    notes: list[str] = field(default_factory=list)


def read(folder: MatrixDir) -> Results:
    """Read every planned run; runs that are no longer planned are left out, and counted in the notes."""
    plan = ledger.stored_plan(folder)
    notes: list[str] = []
    frames, told = [], []
    for entry in ledger.entries(plan, folder):
        metrics, checked = _checked(entry, notes)
        told.append(_facts(checked))
        if metrics is not None:
            frames.append(metrics.assign(**_facts(checked)))
    stray = _stray(folder, set(plan.run_ids))
    if stray:
        notes.append(f"{folder.path}: {stray} runs that the matrix no longer plans were left out")
    runs = pd.DataFrame(told)
    empty = pd.DataFrame(columns=[*runs.columns, *COLUMNS])
    rows = pd.concat(frames, ignore_index=True) if frames else empty
    varied = {name: values for name, values in plan.axes.items() if len(values) > 1}
    return Results(plan.name, varied, runs, rows, notes)


def _facts(entry: Entry) -> dict[str, Any]:
    state = entry.state
    head = {"run_id": entry.spec.run_id, "state": state.name, "kind": state.kind, "reason": state.reason}
    return {**head, "seconds": state.seconds, **entry.spec.model_dump(), "backend": entry.spec.backend}


def _checked(entry: Entry, notes: list[str]) -> tuple[pd.DataFrame | None, Entry]:
    """The metrics of a done run; one whose file does not hold all its epochs is no longer done."""
    if entry.state.name != "done":
        return None, entry
    text, warning = entry.folder.metrics_text()
    if warning:
        notes.append(warning)
    wanted = list(range(entry.spec.epochs + 1))
    try:
        metrics = pd.read_csv(io.StringIO(text), dtype=float)
        problem = None if list(metrics.get("epoch", [])) == wanted else f"does not hold the epochs 0 to {wanted[-1]}"
    except (ValueError, pd.errors.ParserError) as error:
        problem = f"cannot be read: {' '.join(str(error).split())}"
    if problem is None:
        return metrics.reindex(columns=list(COLUMNS)), entry
    reason = f"{entry.folder.metrics_file} {problem}; remove its folder and run the matrix again"
    notes.append(reason)
    return None, replace(entry, state=State("failed", "lost", reason))


def _stray(folder: MatrixDir, planned: set[str]) -> int:
    return sum(1 for file in folder.path.glob("*/spec.yaml") if file.parent.name not in planned)
