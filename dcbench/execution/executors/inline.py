"""Runs in this process, one after another: for debugging and tests."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcbench.execution.executors import EXIT_STOPPED, Options, Place, WorkerExit, worker_arguments


class Workers:
    """One run at a time; waiting for it is doing it. Ctrl-C or SIGTERM ends it without a checkpoint."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._due: deque[tuple[Path, Place]] = deque()
        self._let_go: set[Path] = set()

    def start(self, run: Path, place: Place) -> None:
        """It is done when somebody waits for it."""
        self._due.append((run, place))

    def wait(self, seconds: float) -> list[WorkerExit]:
        """Do the next run to its end, however long that takes."""
        if not self._due:
            time.sleep(seconds)
            return []
        run, place = self._due.popleft()
        if run in self._let_go:
            return [WorkerExit(run, EXIT_STOPPED)]
        if place.gpu:
            os.environ["CUDA_VISIBLE_DEVICES"] = place.gpu  # before torch looks
        from dcbench.execution import worker

        try:
            with _signals_raise():
                return [
                    WorkerExit(
                        run, worker.work_on_run(worker.parse_arguments(worker_arguments(run, self.options, place)))
                    )
                ]
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)  # the scheduler is to hear it too
            return [WorkerExit(run, EXIT_STOPPED)]

    def ask(self, run: Path) -> None:
        """A run that has not begun is let go; one that has is over before anybody can ask."""
        self._let_go.add(run)

    kill = ask

    def close(self) -> None:
        """Forget what has not begun."""
        self._due.clear()


@contextmanager
def _signals_raise() -> Iterator[None]:
    """While the run is done here, Ctrl-C and SIGTERM end it at once: nobody else could."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
