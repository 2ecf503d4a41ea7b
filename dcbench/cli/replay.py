"""`dcbench replay`: repeat a finished run, and compare the repetitions with it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import DataDirOption, JsonOption, PluginsOption, RunDeviceOption, RunThreadsOption
from dcbench.cli.rerun import make_replay_settings, run_replays
from dcbench.replay.rerun import compare_replays, open_replay_folder, plan_replays, read_original
from dcbench.replay.run_diff import TOLERANCE
from dcbench.replay.terminal import show_replays


def _refuse_nan(value: float) -> float:
    # NaN passes the bounds of the option, because no comparison with it is true.
    if math.isnan(value):
        raise typer.BadParameter("nan is not a tolerance")
    return value


def replay(
    path: Annotated[Path, typer.Argument(help="Folder of a finished run, which is only read.", metavar="RUN")],
    times: Annotated[int, typer.Option(min=1, help="Number of repetitions.")] = 2,
    threads: RunThreadsOption = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, max=1, callback=_refuse_nan, help="Largest difference that counts as equal."),
    ] = TOLERANCE,
    keep: Annotated[
        Path | None, typer.Option(help="New folder for the repetitions. Default: a temporary folder.")
    ] = None,
    data_dir: DataDirOption = None,
    plugins: PluginsOption = None,
    device: RunDeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Repeat a finished run in another folder and compare the results. Exit code 0 if they are equal, else 1."""
    original = read_original(path)
    settings = make_replay_settings(original, times, data_dir, device, threads)
    with open_replay_folder(keep, original) as folder:
        planned = plan_replays(original, folder, times)
        run_replays(planned, settings, quiet=as_json)
        result = compare_replays(original, planned, tolerance)
    if as_json:
        print(json.dumps({"run": str(original.folder.path), "tolerance": tolerance} | result.as_json()))
    else:
        show_replays(original, result)
    if not result.reproduced:
        raise typer.Exit(1)
