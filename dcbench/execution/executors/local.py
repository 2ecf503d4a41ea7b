"""Runs in worker processes on this machine, forked from a server that has imported everything.

The server imports and computes nothing: a single call of torch, faiss or scikit-learn there would leave
threads behind that its children hang on. Thread counts therefore go into its environment first.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from dcbench.execution.executors import GRACE, LAST_WORDS, Options, Place, WorkerExit, worker_arguments

PRELOAD = ["dcbench.execution.preload", "dcbench.execution.executors.local", "dcbench.cli"]
"""What the server imports; the last because every child imports the main script again."""


class Workers:
    """A forked process for each run, in a session of its own."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        with _server_environment(options.threads), _ctrl_c_held_back():
            forkserver.ensure_running()
        self._live: dict[Path, ForkServerProcess] = {}

    def start(self, run: Path, place: Place) -> None:
        """Fork a worker for it."""
        arguments = worker_arguments(run, self.options, place)
        process = self._context.Process(target=_child, args=(arguments, place.gpu))
        process.start()
        self._live[run] = process

    def wait(self, seconds: float) -> list[WorkerExit]:
        """Those that have ended, after `seconds` maybe none."""
        runs = {process.sentinel: run for run, process in self._live.items()}
        return [self._ended(runs[sentinel]) for sentinel in connection.wait(list(runs), seconds)]  # type: ignore[index]

    def _ended(self, run: Path) -> WorkerExit:
        process = self._live.pop(run)
        process.join()
        assert process.exitcode is not None
        return WorkerExit(run, process.exitcode)

    def ask(self, run: Path) -> None:
        """Send SIGTERM: the first ends it after the row, the second at once."""
        self._live[run].terminate()

    def kill(self, run: Path) -> None:
        """Send SIGKILL to the worker's process group."""
        _kill(self._live[run])

    def close(self) -> None:
        """Ask once, and the rows that end in time are kept; ask again, and the runs let go; then kill."""
        for patience in (GRACE, LAST_WORDS):
            for process in self._live.values():
                process.terminate()
            self._join(patience)
        for process in self._live.values():
            _kill(process)
            process.join()

    def _join(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        for process in self._live.values():
            process.join(max(0.0, deadline - time.monotonic()))


def _kill(process: ForkServerProcess) -> None:
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has not come to a session of its own yet
        process.kill()


def _child(arguments: list[str], gpu: str) -> None:
    """A worker's first steps: a session of its own, its GPU, and an eye on the scheduler."""
    os.setsid()
    signal.sigtimedwait({signal.SIGINT}, 0)  # a Ctrl-C until here was meant for the scheduler, which will ask
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from dcbench.execution import worker

    sys.exit(worker.main(arguments))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    for patience in (GRACE, LAST_WORDS):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(patience)
    os.killpg(os.getpid(), signal.SIGKILL)


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Start the server with SIGINT blocked, which it inherits: until it has imported everything, it would die of a
    Ctrl-C meant for the scheduler. The scheduler's own comes when the block ends; an ignored one would be lost.
    """
    resource_tracker.ensure_running()  # it unblocks the signal, and the server's start calls it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _server_environment(threads: int) -> Iterator[None]:
    """Thread counts for the server, and nothing that starts a thread on import.

    OpenBLAS would, so it gets one thread, and workers raise it; so would the allocator of pyarrow, which scikit-learn
    imports by way of pandas.
    """
    counts = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"}
    quiet = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
    before = {name: os.environ.get(name) for name in counts | quiet}
    os.environ.update(counts | quiet)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
