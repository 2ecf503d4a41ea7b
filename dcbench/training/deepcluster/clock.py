"""The stage clock: seconds of each timed step of an epoch, device-synchronised."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class StageClock:
    """Adds up the seconds of each stage until `take` hands them over and starts anew."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the block, with the device idle at both ends."""
        start = self._now()
        try:
            yield
        finally:
            self._seconds[name] += self._now() - start

    def take(self) -> dict[str, float]:
        """The seconds of each stage since the last call, to a tenth of a millisecond."""
        taken = {name: round(seconds, 4) for name, seconds in self._seconds.items()}
        self._seconds.clear()
        return taken

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
