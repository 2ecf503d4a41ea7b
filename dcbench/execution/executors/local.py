"""Execute runs in worker processes on this machine, forked from a server that has imported every library.

A fork takes 0.04 s where the imports take seconds. The server imports and computes nothing: a single call of torch,
faiss or scikit-learn starts threads there, which a fork does not copy, and its children hang on the locks that those
threads held. For the same reason the thread counts are in the server's environment before it starts.
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

from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.executors import GRACE, LAST_WORDS, WorkerExit, worker_arguments

PRELOAD = ["dcbench.execution.preload", "dcbench.execution.executors.local", "dcbench.cli"]
"""Modules that the server imports: the libraries, this module, and the command line, because multiprocessing makes
every child import the main script again."""

STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}
"""Signals that are meant for the scheduler, and that its process group receives, too."""


class Executor:
    """A forked process for each run, in a session of its own."""

    def __init__(self, config: WorkerConfig) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        with _server_environment(config.threads):
            # The server must start with these signals blocked, a mask that it inherits. A Ctrl-C in the terminal, or a
            # SIGTERM to the scheduler's process group (`timeout` sends one), would kill it, and the exit codes of its
            # workers would be lost. Blocking delays this process's own signals until the mask is restored, where
            # ignoring them would lose them.
            resource_tracker.ensure_running()  # unblocks both when it starts, so it must be running before
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
            try:
                forkserver.ensure_running()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._processes: dict[Path, ForkServerProcess] = {}

    def submit(self, run_dir: Path, config: WorkerConfig) -> None:
        """Fork a worker for the run."""
        process = self._context.Process(target=_child, args=(worker_arguments(run_dir, config), config.gpu))
        process.start()
        self._processes[run_dir] = process

    def wait(self, seconds: float) -> list[WorkerExit]:
        """Return the workers that have ended; none if `seconds` pass without an end."""
        run_dirs = {process.sentinel: run_dir for run_dir, process in self._processes.items()}
        exits = []
        for sentinel in connection.wait(list(run_dirs), seconds):
            run_dir = run_dirs[sentinel]  # type: ignore[index]  # the stubs forget that integers come back as they are
            process = self._processes.pop(run_dir)
            process.join()  # collects the exit code
            assert process.exitcode is not None
            exits.append(WorkerExit(run_dir=run_dir, exit_code=process.exitcode))
        return exits

    def stop(self, run_dir: Path) -> None:
        """Send SIGTERM."""
        self._processes[run_dir].terminate()

    def kill(self, run_dir: Path) -> None:
        """Send SIGKILL to the worker's process group."""
        _kill_group(self._processes[run_dir])

    def close(self) -> None:
        """Stop all workers: SIGTERM to save a checkpoint, again to leave the run pending at once, and then SIGKILL."""
        for patience in (GRACE, LAST_WORDS):
            for process in self._processes.values():
                process.terminate()
            deadline = time.monotonic() + patience
            for process in self._processes.values():
                process.join(max(0.0, deadline - time.monotonic()))
        for process in self._processes.values():
            _kill_group(process)
            process.join()


def _kill_group(process: ForkServerProcess) -> None:
    """Kill the process and all that it has started."""
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has not reached setsid yet, and so has no group of its own and no children
        process.kill()


def _child(arguments: list[str], gpu: str) -> None:
    """Prepare the forked process, and call the worker's entry point in it."""
    # A session of its own: a Ctrl-C in the terminal reaches every process of the terminal's group, and would end the
    # worker in the middle of an epoch. It also gives `kill` a process group to address.
    os.setsid()
    # The server started with both signals blocked. Drop a Ctrl-C that came before setsid, which was meant for the
    # scheduler (it will call `stop`), and only then unblock them. A SIGTERM may have come from `stop`, so it is kept.
    signal.sigtimedwait({signal.SIGINT}, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    # Set it also when it is empty: a worker on the CPU must see no GPU. CUDA reads it when it initialises.
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from dcbench.execution import worker  # already imported by the server; here, so that this module needs no torch

    sys.exit(worker.main(arguments))


def _end_with_parent() -> None:
    """Wait until the scheduler has ended, then end this worker in the same way as `close`.

    The worker's parent is the fork server, which lives as long as any of its children.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    for patience in (GRACE, LAST_WORDS):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(patience)
    os.killpg(os.getpid(), signal.SIGKILL)


@contextmanager
def _server_environment(threads: int) -> Iterator[None]:
    """Set environment variables for the libraries' threads while the block runs."""
    settings = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        # OpenBLAS starts its threads on import, so it gets one, and each worker raises the number.
        "OPENBLAS_NUM_THREADS": "1",
        # scikit-learn imports pandas, which imports pyarrow, whose allocator would start a thread.
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
    }
    originals = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, original in originals.items():
            if original is None:
                del os.environ[name]
            else:
                os.environ[name] = original
