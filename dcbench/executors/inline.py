"""Runs in this process, one after another: for debugging and tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dcbench.executors import Event, Options, worker_arguments


def execute(runs: Sequence[Path], options: Options) -> Iterator[Event]:
    """Work on each run here; a failing one is recorded and the next begins."""
    if options.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = options.gpus[0]  # before torch looks
    from dcbench import worker

    for run in runs:
        yield Event(run)
        yield Event(run, worker.work(worker.parse(worker_arguments(run, options))))
