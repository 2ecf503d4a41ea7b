"""Measure the time of each stage of an epoch and the peak memory: columns `seconds_*` and `peak_memory_mb`."""

from __future__ import annotations

import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from dcbench.core.columns import STAGES


class StageClock:
    """Accumulate the seconds of each stage; `take` returns and resets them."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        start = self._read_time()
        try:
            yield
        finally:
            self._seconds[name] += self._read_time() - start

    def take(self) -> dict[str, float]:
        """Return the seconds of each stage since the last call, rounded to 0.1 ms."""
        seconds = {name: round(value, 4) for name, value in self._seconds.items()}
        self._seconds.clear()
        return seconds

    def _read_time(self) -> float:
        # A GPU computes asynchronously: without this, its work would be counted in the stage that waits for it next.
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def fill_seconds_columns(seconds: Mapping[str, float], reassigned: bool) -> dict[str, float | None]:
    """Return the stage columns of a row; a stage that did not run is None.

    A clustering that did not become the labels only serves the metrics, so its time counts as `evaluate`.
    """
    filled = dict(seconds)
    if not reassigned:
        for stage in ("features", "pca", "whiten", "kmeans"):
            filled["evaluate"] = round(filled["evaluate"] + filled.pop(stage, 0.0), 4)
    return {f"seconds_{stage}": filled.get(stage) for stage in STAGES}


def read_peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory (MB): what torch reserved of the GPU, or the resident memory of this process."""
    if device.type == "cuda":
        return round(float(torch.cuda.max_memory_reserved(device)) / 1e6, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)  # macOS counts bytes, Linux KiB
