"""A finished run done again: what `dcbench replay` and `dcbench inspect --replay` share."""

from __future__ import annotations

import shlex
import sys
from collections import deque
from pathlib import Path
from typing import Any

import typer

from dcbench.cli.options import LOCAL
from dcbench.cli.terminal.board import watch
from dcbench.core import devices
from dcbench.core.store.status import PlannedRun
from dcbench.execution import scheduler
from dcbench.execution.executors import Options, default_data_dir
from dcbench.replay.rerun import Original


def options_for(
    run: Original, times: int, data_dir: Path | None, device: str | None, threads: int | None, **more: Any
) -> Options:
    """Where the repetitions work: as the run was made, unless told otherwise."""
    kind, gpus = devices.resolve_device(device or run.device)
    count = threads or run.threads
    return Options(
        data_dir=(data_dir or default_data_dir()).absolute(),
        device=kind,
        gpus=gpus[:1],
        jobs=1 if gpus else max(1, min(times, devices.count_cores() // count)),
        threads=count,
        command=shlex.join(["dcbench", *sys.argv[1:]]),
        **more,
    )


def repeat(entries: list[PlannedRun], options: Options, quiet: bool = False) -> None:
    """Do the repetitions; somebody who stops them ends the command with exit code 130."""
    at = scheduler.scheduler_settings(options)
    outcomes = scheduler.run(entries, LOCAL.value, options, at)
    with at.stop.listening():
        if quiet:
            deque(outcomes, maxlen=0)
        else:
            watch(outcomes, entries, entries, options, at)
    if at.stop.presses:
        print("stopped; the original is as it was", file=sys.stderr)
        raise typer.Exit(130)
