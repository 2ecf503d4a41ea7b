"""Determine the state of a run whose worker has ended, and whether to retry the run."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import STOPPED, FailureKind, RunState
from dcbench.core.store.status import PlannedRun
from dcbench.errors import ClaimedError, ResultsError
from dcbench.execution.executors import EXIT_DONE, EXIT_FAILED, EXIT_STOPPED


@dataclass(frozen=True, kw_only=True)
class FaultPolicy:
    """How the scheduler handles failures.

    `timeout`: longest time (s) of a run, None for no limit. `retries`: how often a failed run is retried.
    `fail_fast`: whether nothing new starts after the first failure.
    """

    timeout: float | None = None
    retries: int = 0
    fail_fast: bool = False


@dataclass(frozen=True, kw_only=True)
class WorkerEnd:
    """How a worker ended.

    `timeout`: the limit (s) that the run exceeded, None if it did not. `oom_killed`: whether the kernel killed any
    process for lack of memory at that time.
    """

    exit_code: int
    timeout: float | None = None
    oom_killed: bool = False


NextStep = Literal["end", "retry", "retry_alone"]
"""What the scheduler does with a run whose worker has ended; `retry_alone` is a retry on a device of its own."""

CUDA_ERRORS = ("cuda error", "cudaerror", "cublas_status", "cudnn_status")
"""Parts of the messages of errors that one process on a GPU can cause in all others there."""


def settle(folder: RunDir, end: WorkerEnd, before: RunState) -> RunState:
    """Return the state that the worker recorded, or else derive it from the exit code and record it.

    `before` is the state before the worker started: a failure that equals it belongs to an earlier attempt.
    """
    state = folder.read_state()
    if end.exit_code == EXIT_DONE and state.name in ("done", "skipped"):
        return state
    failed_now = state.name == "failed" and state.kind != "lost" and state != before
    if end.timeout is None and end.exit_code == EXIT_FAILED and failed_now:
        return state
    kind: FailureKind = "crash"
    if end.timeout is not None:
        kind = "timeout"
        reason = f"took longer than {end.timeout:g} s (--timeout); a new try continues from its checkpoint, if any"
    elif end.exit_code == EXIT_STOPPED:
        reason = "another program sent the worker SIGTERM; a new try continues from its checkpoint, if any"
    elif end.oom_killed and end.exit_code == -signal.SIGKILL:
        kind = "out_of_memory"
        reason = "the kernel killed the worker because the machine ran out of memory"
    elif end.exit_code < 0:
        reason = f"the worker was killed by {name_signal(-end.exit_code)}; see {folder.log_file}"
    else:
        reason = f"the worker ended with code {end.exit_code}; see {folder.log_file}"
    if problem := folder.explain_unwritable():
        # A worker that cannot write its folder leaves neither a state nor a log, and its exit code says nothing.
        return record_state(folder, RunState(name="failed", kind="error", reason=problem))
    return record_state(folder, RunState(name="failed", kind=kind, reason=reason, last_lines=folder.read_last_lines()))


def name_signal(number: int) -> str:
    """Return the name of a signal; Python has none for the real-time signals between SIGRTMIN and SIGRTMAX."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def mark_stopped(folder: RunDir) -> RunState:
    """Return the state of a run whose worker was stopped: pending, even if it was killed before it recorded that."""
    state = folder.read_state()
    return record_state(folder, STOPPED) if state.kind == "lost" else state


def fail_before_start(entry: PlannedRun, reason: str) -> RunState:
    """Record the failure of a run that cannot start; leave a folder that belongs to another run as it is."""
    try:
        entry.folder.prepare(entry.spec)
    except ResultsError as error:
        return RunState(name="failed", kind="error", reason=str(error))
    return record_state(entry.folder, RunState(name="failed", kind="error", reason=reason))


def record_state(folder: RunDir, state: RunState) -> RunState:
    """Write the state unless the run is finished or a process works on it; return it in any case."""
    # A reader holds the lock for a moment to test it.
    with suppress(OSError, ClaimedError), folder.claim(patience=0.5):
        if folder.read_state().name not in ("done", "skipped"):
            folder.write_state(state)
    return state


def has_shared_device(folder: RunDir) -> bool:
    """Return whether the run recorded other runs on its device, including those of other schedulers."""
    with suppress(ResultsError):
        return bool(folder.read_provenance().get("shared_with"))
    return False


def choose_next_step(state: RunState, shared: bool, on_gpu: bool, retries: int, policy: FaultPolicy) -> NextStep:
    """Return what to do with a run that ended in this state, after this many retries.

    On a `shared` device, other runs may have caused an out-of-memory error, and on a GPU also a crash or a CUDA error:
    the run is retried alone, and this retry does not count. NaN is never retried, because a run is deterministic.
    """
    if state.name != "failed":
        return "end"
    message = state.reason.lower()
    cuda_error = state.kind == "error" and any(words in message for words in CUDA_ERRORS)
    if shared and (state.kind == "out_of_memory" or (on_gpu and (state.kind == "crash" or cuda_error))):
        return "retry_alone"
    return "retry" if retries < policy.retries and state.kind != "nan" else "end"
