"""`dcbench replay`: a finished run done again and compared."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from dcbench import devices, scheduler, verdict
from dcbench import replay as replays
from dcbench.cli.options import LOCAL, AsJson, DataDir
from dcbench.executors import Options, default_data_dir
from dcbench.screens.board import watch
from dcbench.screens.comparison import show_replayed


def _tolerance(value: float) -> float:
    if math.isnan(value):
        raise typer.BadParameter("nan is no tolerance")
    return value


def replay(
    path: Annotated[Path, typer.Argument(help="The folder of a run that is done; it is only read.", metavar="RUN")],
    times: Annotated[int, typer.Option(min=1, help="How often to run it again.")] = 2,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: as the run was made.")] = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, max=1, callback=_tolerance, help="Largest difference that counts as equal."),
    ] = verdict.TOLERANCE,
    keep: Annotated[Path | None, typer.Option(help="A new folder to keep the replays in. Default: none kept.")] = None,
    data_dir: DataDir = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or cuda:N. Default: cpu or cuda, as the run was made.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a finished run again elsewhere and compare. Exit code 0 when it comes out the same, 1 when not."""
    run = replays.original(path)
    kind, gpus = devices.resolve(device or run.device)
    count = threads or run.threads
    options = Options(
        data_dir=(data_dir or default_data_dir()).absolute(),
        device=kind,
        gpus=gpus[:1],
        jobs=1 if gpus else max(1, min(times, devices.cores() // count)),
        threads=count,
        command=shlex.join(["dcbench", *sys.argv[1:]]),
    )
    with replays.workplace(keep, run) as place:
        entries = replays.copies(run, place, times)
        at = scheduler.setting(options)
        outcomes = scheduler.run(entries, LOCAL.value, options, at)
        with at.stop.listening():
            if as_json:
                deque(outcomes, maxlen=0)
            else:
                watch(outcomes, entries, entries, options, at)
        if at.stop.presses:
            print("stopped; the original is as it was", file=sys.stderr)
            raise typer.Exit(130)
        told = replays.judge(run, entries, tolerance)
    if as_json:
        print(json.dumps({"run": str(run.folder.path), "tolerance": tolerance} | told.as_json()))
    else:
        show_replayed(run, told)
    if not told.reproduced:
        raise typer.Exit(1)
