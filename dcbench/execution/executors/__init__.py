"""Executors: each decides where a worker process runs, and how it starts and ends.

An executor is a plug-in: one file here or in `executors/` of a folder given with --plugins. The file's name is the
executor's name, and its class `Executor` has the methods of the protocol below. To write one, start `worker_command`
once for each submitted run, on whatever machine you like; that machine needs the run folder and the datasets on a file
system that it shares with the scheduler. `dcbench check-plugin FILE` tests the result.

The division of work:

- The scheduler decides which run starts when and on which GPU, retries failures, enforces timeouts, and writes the
  state of a run whose worker died. It calls all methods from one thread.
- The worker claims its run, writes everything in the run folder, and reports how the run ended by its exit code.
- The executor starts and ends worker processes, and reports their exit codes. It reads and writes no run folder.

A minimal executor, which starts each worker as a child process::

    class Executor:
        def __init__(self, config):
            self.processes = {}

        def submit(self, run_dir, config):
            self.processes[run_dir] = subprocess.Popen(worker_command(run_dir, config))

        def wait(self, seconds):
            time.sleep(seconds)
            ended = [run_dir for run_dir, process in self.processes.items() if process.poll() is not None]
            return [WorkerExit(run_dir=run_dir, exit_code=self.processes.pop(run_dir).returncode) for run_dir in ended]

        def stop(self, run_dir):
            self.processes[run_dir].terminate()

        def kill(self, run_dir):
            self.processes[run_dir].kill()

        def close(self):
            for process in self.processes.values():
                process.kill()
                process.wait()
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dcbench.core.worker_config import WorkerConfig

EXIT_DONE, EXIT_FAILED, EXIT_CLAIMED, EXIT_STOPPED = 0, 1, 75, 143
"""Exit codes of a worker: the run is done or skipped; it failed and its state says why; another process is working on
it (EX_TEMPFAIL of sysexits.h); it stopped on request (128 + SIGTERM, as shells report it)."""

GRACE = 10.0
"""Time (s) that a worker has after the first stop request to finish its epoch and save a checkpoint, at a timeout or
when the scheduler ends."""

LAST_WORDS = 3.0
"""Time (s) that a worker has after the second stop request to write its state, before it is killed."""


@dataclass(frozen=True, kw_only=True)
class WorkerExit:
    """The end of a worker: its run folder, and its exit code, which is -N if signal N killed it."""

    run_dir: Path
    exit_code: int


class Executor(Protocol):
    """What the class `Executor` of a plug-in provides; it need not inherit from this one."""

    def __init__(self, config: WorkerConfig) -> None:
        """Prepare for workers, given the part of their configuration that is the same for all of them."""

    def submit(self, run_dir: Path, config: WorkerConfig) -> None:
        """Start a worker for this run and return at once; `config` is the run's own, with its GPU in `config.gpu`."""

    def wait(self, seconds: float) -> list[WorkerExit]:
        """Return the workers that have ended, each once: as soon as there is any, and after `seconds` at the latest."""

    def stop(self, run_dir: Path) -> None:
        """Send SIGTERM to the worker: the first ends it after its epoch, with a checkpoint; the second at once."""

    def kill(self, run_dir: Path) -> None:
        """End the worker and every process that it started, without delay. `wait` reports it like any other end."""

    def close(self) -> None:
        """End all workers, and return only when none is left. The scheduler calls this once, also after an error."""


def worker_arguments(run_dir: Path, config: WorkerConfig) -> list[str]:
    """Return the arguments of the worker entry for one run."""
    return [str(run_dir), "--config", config.to_json()]


def worker_command(run_dir: Path, config: WorkerConfig) -> list[str]:
    """Return the command that executes one run, for executors that start a process from scratch."""
    return [sys.executable, "-m", "dcbench.execution.worker", *worker_arguments(run_dir, config)]
