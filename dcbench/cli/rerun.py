"""Repeat a finished run, for `dcbench replay` and `dcbench inspect --replay`."""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path

import typer

from dcbench import registry
from dcbench.cli.options import LOCAL, join_command
from dcbench.cli.terminal.board import watch
from dcbench.core import devices
from dcbench.core.store.status import PlannedRun
from dcbench.core.worker_config import WorkerConfig, default_data_dir
from dcbench.execution import scheduler
from dcbench.execution.scheduler import SchedulerSettings
from dcbench.replay.rerun import OriginalRun


def make_replay_settings(
    original: OriginalRun,
    times: int,
    data_dir: Path | None,
    device: str | None,
    threads: int | None,
    keep_weights: bool = False,
) -> SchedulerSettings:
    """Return the settings of the repetitions; device and threads are those of the original by default."""
    registry.require_files(original.spec.plugins)
    kind, gpus = devices.resolve_device(device or original.device)
    threads = threads or original.threads
    config = WorkerConfig(
        data_dir=(data_dir or default_data_dir()).absolute(),
        device=kind,
        gpu=gpus[0].uuid if gpus else "",
        # All repetitions use the first GPU, one after the other; on the CPU they share the cores.
        jobs=1 if gpus else max(1, min(times, devices.count_cores() // threads)),
        threads=threads,
        command=join_command(),
        keep_weights=keep_weights,
    )
    return scheduler.make_settings(config, gpus[:1])


def run_replays(planned: list[PlannedRun], settings: SchedulerSettings, quiet: bool = False) -> None:
    """Execute the repetitions; if the user stops them, end the command with exit code 130."""
    events = scheduler.run(planned, LOCAL, settings)
    with settings.interrupts.counting():
        if quiet:
            # The scheduler runs only while its events are read.
            deque(events, maxlen=0)
        else:
            watch(events, planned, planned, settings)
    if settings.interrupts.count:
        print("stopped; the original run is unchanged", file=sys.stderr)
        raise typer.Exit(130)
