"""Settings of the scheduler: the workers' configuration, the devices, known costs, and the user's options."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from dcbench.core.devices import Gpu
from dcbench.core.store.status import PlannedRun
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.scheduler.faults import FaultPolicy
from dcbench.execution.scheduler.history import History, describe_machine, get_cost_class
from dcbench.execution.scheduler.packing import CellFilter, Pool, make_pool


@dataclass
class InterruptCounter:
    """Count Ctrl-C and SIGTERM. After the first, running epochs finish; after the second, workers end now."""

    count: int = 0

    def stop_requested(self) -> bool:
        """Return whether the user has asked to stop."""
        return self.count > 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the signals that arrive while the block runs, instead of raising KeyboardInterrupt.

        An exception could break off the scheduler between two steps that belong together, such as the start of a
        worker and its entry in the table of live jobs. Outside the main thread, which alone may handle signals, nothing
        is counted: Ctrl-C goes to the program that started the thread.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        handlers = {number: signal.signal(number, self._handle_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _handle_signal(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


@dataclass(kw_only=True)
class SchedulerSettings:
    """Settings and state that the scheduler shares with the command line."""

    config: WorkerConfig
    """Configuration of all workers; each run gets a copy with its own GPU, memory and predicted time."""
    pool: Pool
    history: History
    policy: FaultPolicy = field(default_factory=FaultPolicy)
    first: Sequence[CellFilter] = ()
    """Cells that --first puts before all others."""
    interrupts: InterruptCounter = field(default_factory=InterruptCounter)
    clock: Callable[[], float] = time.monotonic
    """Clock of the scheduler (s); a simulation has its own."""


def make_settings(
    config: WorkerConfig,
    gpus: Sequence[Gpu] = (),
    entries: Sequence[PlannedRun] = (),
    results: Path | None = None,
    **more: Any,
) -> SchedulerSettings:
    """Return settings for these GPUs (none: the CPU), with the costs of these runs' classes read from `results`."""
    history = History(describe_machine(config, gpus))
    if results is not None:
        # Only these classes, because a results folder may hold thousands of other runs.
        history.read_results(results, {get_cost_class(entry.spec) for entry in entries})
    return SchedulerSettings(config=config, pool=make_pool(gpus, config.jobs), history=history, **more)
