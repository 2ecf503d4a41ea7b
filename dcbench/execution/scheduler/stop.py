"""Ctrl-C and SIGTERM, counted and not raised: the scheduler looks at the count when it can act on it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class StopFlag:
    """How often somebody asked to stop. Once: running epochs finish. Twice: now."""

    presses: int = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count the signals that come while the block runs."""
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.presses += 1
