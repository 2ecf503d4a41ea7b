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
from dcbench.errors import ResultsError
from dcbench.health import health
from dcbench.ledger import Entry
from dcbench.parity_table import COLUMNS as PARITY_COLUMNS
from dcbench.parity_table import MEASURES, STAGES
from dcbench.rundir import MatrixDir, State


@dataclass(frozen=True)
class Results:
    """What a matrix came to.

    `runs`: run_id, state, kind, reason, last_lines, seconds, timing (shared, exclusive or not recorded: whether other
    runs were on the device meanwhile), health with since when and why, the spec's fields and `backend`.
    `rows`: the same fields with the columns of metrics.csv, done runs only.
    `axes`: each varied field with its values in the plan's order; `groups`: the axes, fields that move together as one.
    `baselines`: what `runs` says, and the last row, of each baseline run; `chance`: a line for each dataset.
    `parity`: every table that `dcbench parity` has written beside this matrix, one after another.
    """

    name: str
    axes: dict[str, list[object]]
    runs: pd.DataFrame
    rows: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    baselines: pd.DataFrame = field(default_factory=pd.DataFrame)
    chance: pd.DataFrame = field(default_factory=pd.DataFrame)
    parity: pd.DataFrame = field(default_factory=pd.DataFrame)
    groups: tuple[tuple[str, ...], ...] = ()


def read(folder: MatrixDir) -> Results:
    """Read every planned run; runs that are no longer planned are left out, and counted in the notes."""
    plan = ledger.stored_plan(folder)
    notes: list[str] = []
    told, frames = [], []
    entries = ledger.entries(plan, folder)
    for entry in entries:
        metrics, checked = _checked(entry, notes)
        told.append(_facts(checked, metrics))
        frames.append(metrics)
    stray = _stray(folder, set(plan.run_ids))
    if stray:
        notes.append(f"{folder.path}: {stray} runs that the matrix no longer plans were left out")
    cells = len(plan.runs)
    varied = {name: values for name, values in plan.axes.items() if len(values) > 1}
    last = [metrics if metrics is None else metrics.tail(1) for metrics in frames[cells:]]
    return Results(
        plan.name,
        varied,
        pd.DataFrame(told[:cells]),
        _rows(told[:cells], frames[:cells]),
        notes,
        pd.DataFrame(told[cells:]).merge(_rows(told[cells:], last)[["run_id", *COLUMNS]], on="run_id", how="left")
        if plan.baselines
        else pd.DataFrame(),
        _chance(entries),
        _parity(folder, notes),
        plan.groups,
    )


def _parity(folder: MatrixDir, notes: list[str]) -> pd.DataFrame:
    """The tables of `dcbench parity` in the same results folder; one that cannot be read is told in the notes."""
    tables = []
    for file in sorted((folder.path.absolute().parent / "parity").glob("*.csv")):
        try:
            table = pd.read_csv(file)
            table = table[list(PARITY_COLUMNS)]
            tables.append(table[table["stage"].isin(STAGES) & table["measure"].isin(MEASURES)])
        except (OSError, ValueError, KeyError) as error:
            notes.append(f"{file} cannot be read: {' '.join(str(error).split())}; measure it again with dcbench parity")
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(PARITY_COLUMNS))


def _rows(told: list[dict[str, Any]], frames: list[pd.DataFrame | None]) -> pd.DataFrame:
    """The rows of all runs, each with what is told of its run."""
    named = [
        pd.concat([frame, pd.DataFrame(facts, index=frame.index)], axis=1)
        for facts, frame in zip(told, frames, strict=True)
        if frame is not None
    ]
    if named:
        return pd.concat(named, ignore_index=True)
    return pd.DataFrame(columns=[*(told[0] if told else ["run_id"]), *COLUMNS])


def _chance(entries: list[Entry]) -> pd.DataFrame:
    """Scores of random clusters for each dataset, from the first run that tells them."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry.spec.dataset not in found and entry.state.name == "done":
            facts = (entry.folder.audit() or {}).get("chance")
            if facts:
                found[entry.spec.dataset] = {"dataset": entry.spec.dataset, **facts}
    return pd.DataFrame(list(found.values()))


def _facts(entry: Entry, metrics: pd.DataFrame | None) -> dict[str, Any]:
    state = entry.state
    judged = None if metrics is None else health([dict(row) for _, row in metrics.iterrows()], entry.spec.k)
    return {
        "run_id": entry.spec.run_id,
        "state": state.name,
        "kind": state.kind,
        "reason": state.reason,
        "last_lines": "\n".join(state.last_lines),
        "seconds": state.seconds,
        "timing": _timing(entry),
        "health": judged and judged.state,
        "health_since": judged and judged.since,
        "health_why": judged and judged.why,
        **entry.spec.model_dump(),
        "backend": entry.spec.backend,
    }


def _timing(entry: Entry) -> str:
    """Whether others were on the device while the run was timed."""
    try:
        facts = entry.folder.provenance()
    except ResultsError:
        return "not recorded"
    attempts = [one.get("shared_with") for one in (facts, *facts.get("earlier_attempts", []))]
    return "shared" if any(attempts) else "not recorded" if None in attempts else "exclusive"


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
