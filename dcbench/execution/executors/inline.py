"""Execute runs in this process, one after another: for debugging and tests."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from pathlib import Path

from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.executors import EXIT_STOPPED, WorkerExit


class Executor:
    """Execute one run at a time, inside `wait`. Ctrl-C and SIGTERM end it at once, without a checkpoint."""

    def __init__(self, config: WorkerConfig) -> None:
        self._submitted: deque[tuple[Path, WorkerConfig]] = deque()
        self._stopped: set[Path] = set()

    def submit(self, run_dir: Path, config: WorkerConfig) -> None:
        """Queue the run for the next `wait`."""
        self._submitted.append((run_dir, config))

    def wait(self, seconds: float) -> list[WorkerExit]:
        """Execute the next run to its end, however long that takes."""
        if not self._submitted:
            time.sleep(seconds)
            return []
        run_dir, config = self._submitted.popleft()
        if run_dir in self._stopped:
            return [WorkerExit(run_dir=run_dir, exit_code=EXIT_STOPPED)]
        from dcbench.execution import worker  # imports torch, which the command line does without

        # The scheduler's handlers only count signals, and it cannot act on the count before this run has ended.
        # So both signals raise KeyboardInterrupt here instead. Only the main thread may handle signals at all.
        is_main = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGINT, signal.SIGTERM) if is_main else ()
        handlers = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
        interrupted = False
        try:
            exit_code = worker.work_on_run(run_dir, config)
        except KeyboardInterrupt:
            exit_code, interrupted = EXIT_STOPPED, True
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if interrupted:
            signal.raise_signal(signal.SIGINT)  # passes the request on to the scheduler's own handler
        return [WorkerExit(run_dir=run_dir, exit_code=exit_code)]

    def stop(self, run_dir: Path) -> None:
        """Drop a queued run; a run that has started ends before anybody can call this."""
        self._stopped.add(run_dir)

    kill = stop

    def close(self) -> None:
        """Drop all queued runs."""
        self._submitted.clear()
