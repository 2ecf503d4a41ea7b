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
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from dcbench.executors import Event, Options, worker_arguments

PRELOAD = ["dcbench.preload", "dcbench.executors.local", "dcbench.cli"]
"""What the server imports; the last because every child imports the main script again."""

GRACE = 10.0
"""Seconds that a worker has to end its row and write a checkpoint when it is asked to stop."""

LAST_WORDS = 3.0
"""Seconds that it has, asked again, to leave its run pending; then it is killed."""


def execute(runs: Sequence[Path], options: Options) -> Iterator[Event]:
    """Keep `options.jobs` workers busy; on a GPU machine the slots take turns on the devices."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with _server_environment(options.threads), _ctrl_c_held_back():
        forkserver.ensure_running()
    waiting, slots = deque(runs), deque(range(options.jobs))
    live: dict[Any, tuple[BaseProcess, Path, int]] = {}
    try:
        while waiting or live:
            while waiting and slots:
                run, slot = waiting.popleft(), slots.popleft()
                gpu = options.gpus[slot % len(options.gpus)] if options.gpus else ""
                process = context.Process(target=_child, args=(worker_arguments(run, options), gpu))
                process.start()
                live[process.sentinel] = (process, run, slot)
                yield Event(run)
            for sentinel in connection.wait(list(live)):
                ended, run, slot = live.pop(sentinel)
                ended.join()
                slots.append(slot)
                yield Event(run, ended.exitcode)
    finally:
        _stop([process for process, _, _ in live.values()])


def _stop(processes: list[BaseProcess]) -> None:
    """Ask once, and the rows that end in time are kept; ask again, and the runs let go; then kill."""
    for ask, patience in (
        (BaseProcess.terminate, GRACE),
        (BaseProcess.terminate, LAST_WORDS),
        (BaseProcess.kill, None),
    ):
        living = [process for process in processes if process.is_alive()]
        for process in living:
            ask(process)
        deadline = None if patience is None else time.monotonic() + patience
        for process in living:
            process.join(None if deadline is None else max(0.0, deadline - time.monotonic()))


def _child(arguments: list[str], gpu: str) -> None:
    """A worker's first steps: a session of its own, its GPU, and an eye on the scheduler."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from dcbench import worker

    sys.exit(worker.main(arguments))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    for patience in (GRACE, LAST_WORDS):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(patience)
    os.kill(os.getpid(), signal.SIGKILL)


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
    """Thread counts for the server. OpenBLAS starts its threads on import, so it gets one; workers raise it."""
    counts = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"}
    before = {name: os.environ.get(name) for name in counts}
    os.environ.update(counts)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
