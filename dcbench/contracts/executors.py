"""What every executor must do: start a worker for each run, and report how each one ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dcbench import registry
from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.executors import EXIT_STOPPED, Executor

SPEC = {"limit": 60, "width": 0.05, "pca_dim": 8, "epochs": 1, "batch_size": 32, "k": 4}
"""A run on scikit-learn's digits that takes a fraction of a second."""

ENDLESS = 100_000
"""Epochs of a run that ends only when somebody ends it."""


@contextmanager
def running(executor: str, folder: Path, *specs: dict[str, Any]) -> Iterator[tuple[Executor, list[RunDir]]]:
    """Submit a run for each of the specs; whatever happens in the block, the executor is closed."""
    config = WorkerConfig(data_dir=folder, jobs=2)
    runs = []
    workers: Executor = registry.load("executors", executor).Executor(config)
    try:
        for values in specs:
            spec = make_spec(SPEC | values)
            runs.append(RunDir(folder / spec.run_id))
            runs[-1].prepare(spec)
            workers.submit(runs[-1].path, config)
        yield workers, runs
    finally:
        workers.close()


def exit_codes(workers: Executor, runs: list[RunDir]) -> list[int]:
    """Wait for all runs, and return their exit codes in the order of the runs."""
    codes: dict[Path, int] = {}
    while len(codes) < len(runs):
        codes |= {worker.run_dir: worker.exit_code for worker in workers.wait(0.2)}
    return [codes[run.path] for run in runs]


def check_ends(executor: str, folder: Path) -> None:
    """A good run ends with exit code 0 and is done, one that fails ends with 1 and says why."""
    with running(executor, folder, {}, {"dataset": "mnist"}, {"backend": "torch"}) as (workers, runs):
        codes = exit_codes(workers, runs)
    states = [run.read_state() for run in runs]
    assert codes == [0, 1, 0], f"exit codes {codes}, expected [0, 1, 0]"
    assert [state.name for state in states] == ["done", "failed", "done"], f"states {[state.name for state in states]}"
    assert "mnist is not in" in states[1].reason, f"the failed run's reason is {states[1].reason!r}"


def check_idle(executor: str, folder: Path) -> None:
    """Without a run, waiting returns an empty list when its time is over."""
    with running(executor, folder) as (workers, _):
        ended = workers.wait(0.01)
    assert ended == [], f"wait returned {ended} though nothing was submitted"


def check_stop(executor: str, folder: Path) -> None:
    """A run that is stopped ends and is pending again."""
    with running(executor, folder, {"epochs": ENDLESS}) as (workers, runs):
        workers.stop(runs[0].path)
        codes = exit_codes(workers, runs)
    assert codes[0] in (EXIT_STOPPED, -15), f"exit code {codes[0]}, expected {EXIT_STOPPED} or -15 (SIGTERM)"
    state = runs[0].read_state().name
    assert state == "pending", f"the stopped run is {state}, expected pending"


def check_close(executor: str, folder: Path) -> None:
    """Closing leaves no worker behind."""
    with running(executor, folder, {"epochs": ENDLESS}) as (_, runs):
        pass
    assert not runs[0].is_claimed(), "a worker still holds its run after close()"
