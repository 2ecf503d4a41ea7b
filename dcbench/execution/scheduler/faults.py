"""What an ended worker's run comes to, and whether it is tried again.

In: the exit code, the state on disk, how the run was placed. Out: the one state that it ends in, with its kind and
its last log lines, and what follows.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import STOPPED, RunState
from dcbench.errors import ClaimedError, ResultsError
from dcbench.execution.executors import EXIT_DONE, EXIT_FAILED, EXIT_STOPPED


@dataclass(frozen=True)
class FaultPolicy:
    """What the user wants of failures: seconds that a run may take, how often one is tried again, who goes on."""

    timeout: float | None = None
    retries: int = 0
    fail_fast: bool = False


@dataclass(frozen=True)
class WorkerEnd:
    """How a worker ended: its exit code, whether its time was over, whether the kernel killed for memory meanwhile."""

    exit_code: int
    overdue: float | None = None
    starved: bool = False


Next = Literal["ended", "again", "alone"]
"""What follows: nothing, another try, another try on a device of its own."""

CUDA_TROUBLE = ("cuda error", "cudaerror", "cublas_status", "cudnn_status")
"""What neighbours hear, in torch's and faiss's words, when a process brings its GPU down."""


def settle(folder: RunDir, end: WorkerEnd, before: RunState) -> RunState:
    """The state that an ended worker left, or the one that its end deserves; `before` is that of an earlier try."""
    state = folder.read_state()
    if end.exit_code == EXIT_DONE and state.name in ("done", "skipped"):
        return state
    if end.overdue is not None:
        told = f"took longer than {end.overdue:g} s (--timeout); it goes on from its checkpoint where it has one"
        return record_state(folder, record_failure(folder, RunState(name="failed", kind="timeout", reason=told)))
    if end.exit_code == EXIT_FAILED and state.name == "failed" and state.kind != "lost" and state != before:
        return state
    if end.exit_code == EXIT_STOPPED:
        told = "somebody else sent its process SIGTERM; it goes on from its checkpoint where it has one"
        return record_state(folder, record_failure(folder, RunState(name="failed", kind="crash", reason=told)))
    if end.starved and end.exit_code == -signal.SIGKILL:
        told = "was killed by the kernel, which had run out of memory"
        return record_state(folder, record_failure(folder, RunState(name="failed", kind="out_of_memory", reason=told)))
    name = signal.Signals(-end.exit_code).name if end.exit_code < 0 else ""
    how = f"was killed by {name}" if name else f"ended with code {end.exit_code}"
    return record_state(
        folder,
        record_failure(
            folder, RunState(name="failed", kind="crash", reason=f"its process {how}; see {folder.log_file}")
        ),
    )


def record_failure(folder: RunDir, state: RunState) -> RunState:
    """The state with the log's last lines; where the folder itself cannot be written, that is the reason."""
    if problem := folder.explain_unwritable():
        return RunState(name="failed", kind="error", reason=problem)
    return replace(state, last_lines=folder.read_last_lines())


def mark_stopped(folder: RunDir) -> RunState:
    """The state of a run whose worker was stopped: pending, also when it was killed before it could say so."""
    return record_state(folder, STOPPED) if folder.read_state().kind == "lost" else folder.read_state()


def record_state(folder: RunDir, state: RunState) -> RunState:
    """Put the state on disk unless the run is finished or somebody works on it; the user is told in any case."""
    with suppress(OSError, ClaimedError), folder.claim(patience=0.5):  # a reader may be testing the lock
        if folder.read_state().name not in ("done", "skipped"):
            folder.write_state(state)
    return state


def shared_device(folder: RunDir) -> bool:
    """Whether others were on the run's device, those of other schedulers among them, as far as the run knew."""
    with suppress(ResultsError):
        return bool(folder.read_provenance().get("shared_with"))
    return False


def next_step(state: RunState, company: bool, on_gpu: bool, tries: int, policy: FaultPolicy) -> Next:
    """What follows a failure. `tries` counts those that were the run's own doing.

    Out of memory beside others is tried again alone, and so is what may be a neighbour's doing: a crash, or a CUDA
    error, on a shared GPU. NaN is not tried again: the same numbers come again.
    """
    if state.name != "failed":
        return "ended"
    if company and (state.kind == "out_of_memory" or (on_gpu and _contagious(state))):
        return "alone"
    return "again" if tries < policy.retries and state.kind != "nan" else "ended"


def _contagious(state: RunState) -> bool:
    told = state.reason.lower()
    return state.kind == "crash" or (state.kind == "error" and any(words in told for words in CUDA_TROUBLE))
