"""The files of some runs read: what is told of each, and its metrics.

In: entries of a ledger. Out: a Part. A run that has changed since the ledger was made is told as it is now; one whose
files cannot be read is failed, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dcbench.analysis import metrics_file
from dcbench.audit.health import HEALTH_COLUMNS, Health, judge_health
from dcbench.core.columns import COLUMNS
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.errors import ResultsError

EPOCH = list(COLUMNS).index("epoch")
SIGNS = [list(COLUMNS).index(name) for name in HEALTH_COLUMNS]
"""Places of the columns that a run's health is read from."""

NOTHING = np.empty((len(COLUMNS), 0))
"""The metrics of a run that is not done."""


@dataclass(frozen=True)
class RunFiles:
    """Some runs, read: what is told of each, the columns of their rows one after another, and how many each has."""

    facts: list[dict[str, Any]]
    metrics: np.ndarray
    counts: list[int]
    notes: list[str]


def read_run_files(entries: Sequence[PlannedRun]) -> RunFiles:
    """Read these runs, their metrics all at once where they can be."""
    notes: list[str] = []
    texts = [_text(entry, notes) for entry in entries]
    checked = [
        _checked(entry, found, notes) for entry, found in zip(entries, metrics_file.parse_metrics(texts), strict=True)
    ]
    told = [_facts(entry, metrics) for entry, metrics in checked]
    counts = [metrics.shape[1] for _, metrics in checked]
    return RunFiles(told, np.concatenate([metrics for _, metrics in checked], axis=1), counts, notes)


def _text(entry: PlannedRun, notes: list[str]) -> str:
    """metrics.csv of a finished run."""
    if entry.state.name != "done":
        return ""
    with suppress(ResultsError):  # what cannot be read any more does not hold the epochs
        text, warning = entry.folder.read_metrics_text()
        notes += [warning] if warning else []
        return text
    return ""


def _checked(
    entry: PlannedRun, found: np.ndarray | str, notes: list[str], again: bool = True
) -> tuple[PlannedRun, np.ndarray]:
    """The run with its metrics; one whose file does not hold all its epochs is no longer done."""
    if entry.state.name != "done":
        return entry, NOTHING
    whole = _whole(entry, found)
    if isinstance(whole, np.ndarray):
        return entry, whole
    now = entry.folder.read_planned_state(entry.spec)
    if now.name != "done":  # it has been started again, or removed, since it was looked at
        return replace(entry, state=now), NOTHING
    if again:  # it has perhaps been done again
        return _checked(entry, metrics_file.parse_metrics([_text(entry, notes)])[0], notes, again=False)
    reason = f"{entry.folder.metrics_file} {whole}; remove its folder and run the matrix again"
    notes.append(reason)
    return replace(entry, state=RunState(name="failed", kind="lost", reason=reason)), NOTHING


def _whole(entry: PlannedRun, found: np.ndarray | str) -> np.ndarray | str:
    """The metrics when all epochs are there, in order; else what is wrong with them."""
    if isinstance(found, str):
        return f"cannot be read: {found}"
    whole = np.array_equal(found[EPOCH], np.arange(entry.spec.epochs + 1))
    return found if whole else f"does not hold the epochs 0 to {entry.spec.epochs}"


def _facts(entry: PlannedRun, metrics: np.ndarray) -> dict[str, Any]:
    state = entry.state
    judged = _health(entry, metrics) if metrics.size else None
    return {
        "run_id": entry.folder.path.name,
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


def _health(entry: PlannedRun, metrics: np.ndarray) -> Health:
    rows = [dict(zip(HEALTH_COLUMNS, row, strict=True)) for row in metrics[SIGNS].T.tolist()]
    return judge_health(rows, entry.spec.k)


def _timing(entry: PlannedRun) -> str:
    """Whether others were on the device while the run was timed."""
    try:
        facts = entry.folder.read_provenance()
    except ResultsError:
        return "not recorded"
    earlier = facts.get("earlier_attempts")
    told = [facts, *(earlier if isinstance(earlier, list) else [])]
    attempts = [one.get("shared_with") for one in told if isinstance(one, dict)]
    return "shared" if any(attempts) else "not recorded" if None in attempts else "exclusive"
