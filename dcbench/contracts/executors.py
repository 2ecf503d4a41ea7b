"""What every executor must do: start a worker for each run, and report how each one ended."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcbench import registry
from dcbench.contracts import DeadlineError
from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.text import plural
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.executors import EXIT_DONE, EXIT_FAILED, EXIT_STOPPED, Executor

SPEC = {"limit": 60, "width": 0.05, "pca_dim": 8, "epochs": 1, "batch_size": 32, "k": 4}
"""A run on scikit-learn's digits that takes a fraction of a second."""

ENDLESS = 100_000
"""Epochs of a run that ends only when somebody ends it."""


SETTLING_TIME = 0.3
"""Time (s) after which a process that has been started shows its command."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An executor at work on some runs."""

    workers: Executor
    runs: list[RunDir]
    left_behind: list[int]
    """Processes that still worked on the runs after `close`; they have been killed."""


@contextmanager
def running(executor: str, folder: Path, *specs: dict[str, Any]) -> Iterator[Trial]:
    """Submit a run for each of the specs; whatever happens in the block, the executor is closed.

    Each run has a configuration of its own, whose `command` is the name of the run's folder.
    """
    config = WorkerConfig(data_dir=folder, jobs=2)
    trial = Trial(workers=registry.load("executors", executor).Executor(config), runs=[], left_behind=[])
    try:
        for values in specs:
            spec = make_spec(SPEC | values)
            run = RunDir(folder / spec.run_id)
            run.prepare(spec)
            trial.runs.append(run)
            trial.workers.submit(run.path, replace(config, command=run.path.name))
        yield trial
    finally:
        try:
            trial.workers.close()
        finally:
            # An endless run would outlive the check by hours. A process that has just begun has no command yet.
            time.sleep(SETTLING_TIME)
            for pid in find_workers(trial.runs):
                trial.left_behind.append(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def find_workers(runs: list[RunDir]) -> list[int]:
    """Return the processes of this machine that hold the claim of one of the runs, or whose command names it.

    Only the command tells of workers that have yet to claim their run.
    """
    pids = set()
    for run in runs:
        state = run.read_state()
        if run.is_claimed() and state.pid and state.host == socket.gethostname():
            pids.add(state.pid)
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # the process has just ended
                if os.fsencode(run.path) in file.read_bytes():
                    pids.add(int(file.parent.name))
    return sorted(pids - {os.getpid()})


def exit_codes(trial: Trial) -> list[int]:
    """Wait for all runs, and return their exit codes in the order of the runs."""
    codes: dict[Path, int] = {}
    try:
        while len(codes) < len(trial.runs):
            ended = trial.workers.wait(0.2)
            assert isinstance(ended, list), f"wait returned {ended!r}, expected a list of WorkerExit"
            for worker in ended:
                assert worker.run_dir in {run.path for run in trial.runs}, f"wait returned {worker}, no submitted run"
                assert worker.run_dir not in codes, f"wait returned {worker} twice"
                codes[worker.run_dir] = worker.exit_code
    except DeadlineError as error:
        error.args = (f"wait has returned the end of {len(codes)} of {plural(len(trial.runs), 'run')}",)
        raise
    return [codes[run.path] for run in trial.runs]


def check_ends(executor: str, folder: Path) -> None:
    """A good run ends with exit code 0 and is done, one that fails ends with 1 and says why."""
    with running(executor, folder, {}, {"dataset": "mnist"}, {"backend": "torch"}) as trial:
        codes = exit_codes(trial)
    states = [run.read_state() for run in trial.runs]
    assert codes == [0, 1, 0], f"exit codes {codes}, expected [0, 1, 0]"
    assert [state.name for state in states] == ["done", "failed", "done"], f"states {[state.name for state in states]}"
    assert "mnist is not in" in states[1].reason, f"the failed run's reason is {states[1].reason!r}"


def check_configuration(executor: str, folder: Path) -> None:
    """Each worker gets the configuration that was submitted with its run."""
    with running(executor, folder, {}) as trial:
        exit_codes(trial)
    command, expected = trial.runs[0].read_provenance().get("command"), trial.runs[0].path.name
    assert command == expected, f"the worker got command={command!r}, submitted was {expected!r}"


def check_idle(executor: str, folder: Path) -> None:
    """Without a run, waiting returns an empty list when its time is over."""
    with running(executor, folder) as trial:
        ended = trial.workers.wait(0.01)
    assert ended == [], f"wait returned {ended} though nothing was submitted"


def check_stop(executor: str, folder: Path) -> None:
    """A run that is stopped ends and is pending again."""
    with running(executor, folder, {"epochs": ENDLESS}) as trial:
        trial.workers.stop(trial.runs[0].path)
        codes = exit_codes(trial)
    assert codes[0] in (EXIT_STOPPED, -15), f"exit code {codes[0]}, expected {EXIT_STOPPED} or -15 (SIGTERM)"
    state = trial.runs[0].read_state().name
    assert state == "pending", f"the stopped run is {state}, expected pending"


def check_kill(executor: str, folder: Path) -> None:
    """A run that is killed ends, with the exit code of a worker that did not end by itself."""
    with running(executor, folder, {"epochs": ENDLESS}) as trial:
        trial.workers.kill(trial.runs[0].path)
        codes = exit_codes(trial)
        time.sleep(SETTLING_TIME)
        left = find_workers(trial.runs)
    assert codes[0] not in (EXIT_DONE, EXIT_FAILED), f"exit code {codes[0]}, expected -9 (SIGKILL) or {EXIT_STOPPED}"
    assert not left, f"process {left[0]} still works on the run after kill"


def check_close(executor: str, folder: Path) -> None:
    """Closing leaves no worker behind."""
    with running(executor, folder, {"epochs": ENDLESS}) as trial:
        pass
    assert not trial.left_behind, f"process {trial.left_behind[0]} still worked on its run after close"
    assert not trial.runs[0].is_claimed(), "a worker still holds its run after close"
