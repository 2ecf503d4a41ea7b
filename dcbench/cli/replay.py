"""`dcbench replay`: a finished run done again and compared."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import AsJson, DataDir, RunDevice, RunThreads
from dcbench.cli.repeat import options_for, repeat
from dcbench.replay import rerun as replays
from dcbench.replay import run_diff
from dcbench.replay.terminal import show_replayed


def _tolerance(value: float) -> float:
    if math.isnan(value):
        raise typer.BadParameter("nan is no tolerance")
    return value


def replay(
    path: Annotated[Path, typer.Argument(help="The folder of a run that is done; it is only read.", metavar="RUN")],
    times: Annotated[int, typer.Option(min=1, help="How often to run it again.")] = 2,
    threads: RunThreads = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, max=1, callback=_tolerance, help="Largest difference that counts as equal."),
    ] = run_diff.TOLERANCE,
    keep: Annotated[Path | None, typer.Option(help="A new folder to keep the replays in. Default: none kept.")] = None,
    data_dir: DataDir = None,
    device: RunDevice = None,
    as_json: AsJson = False,
) -> None:
    """Run a finished run again elsewhere and compare. Exit code 0 when it comes out the same, 1 when not."""
    run = replays.original(path)
    options = options_for(run, times, data_dir, device, threads)
    with replays.workplace(keep, run) as place:
        entries = replays.copies(run, place, times)
        repeat(entries, options, quiet=as_json)
        told = replays.judge(run, entries, tolerance)
    if as_json:
        print(json.dumps({"run": str(run.folder.path), "tolerance": tolerance} | told.as_json()))
    else:
        show_replayed(run, told)
    if not told.reproduced:
        raise typer.Exit(1)
