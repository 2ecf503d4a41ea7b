"""`dcbench run`: what is missing of a matrix."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import (
    LOCAL,
    DataDir,
    Device,
    ExecutorName,
    Gpus,
    Jobs,
    MatrixFile,
    PerGpu,
    Results,
    seconds,
    select_devices,
)
from dcbench.cli.terminal.board import show_end, watch
from dcbench.cli.terminal.plan import show_change
from dcbench.core import devices
from dcbench.core.matrix.expand import read_matrix
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.errors import DeviceError
from dcbench.execution import scheduler
from dcbench.execution.scheduler.faults import FaultPolicy
from dcbench.execution.scheduler.order import parse_choices

Only = StrEnum("Only", ["failed", "pending"])


def run(
    matrix: MatrixFile,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    device: Device = "auto",
    gpus: Gpus = "all",
    runs_per_gpu: PerGpu = "auto",
    jobs: Jobs = None,
    executor: Annotated[ExecutorName, typer.Option(help="How runs are executed.")] = LOCAL,
    first: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE,...", help="Cells to begin with, like dataset=mnist,arch=vgg16; repeatable."),
    ] = None,
    only: Annotated[Only | None, typer.Option(help="Do just the runs that are in this state.")] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Also do the runs that are done already.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(parser=seconds, metavar="TIME", help="Longest time of a run, like 90s, 15m or 2h. Default: any."),
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="How often a failed run is tried again.")] = 0,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Once a run has failed, let running epochs finish and stop.")
    ] = False,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep the last checkpoint of each run (VGG16 at 224 px: 1.1 GB).")
    ] = False,
) -> None:
    """Run what is missing of a matrix. Exit code 0 when every planned run is done or skipped.

    Ctrl-C once: running epochs finish and leave checkpoints. Twice: now. The same command goes on.
    """
    selection = select_devices(device, gpus, runs_per_gpu, jobs)
    planned = read_matrix(matrix, devices.choose_precision(selection.kind))
    folder = MatrixDir(results / planned.name)
    chosen = parse_choices(first or [], planned.planned)
    inline = executor.value == "inline"
    if inline and (jobs not in (None, 1) or timeout is not None):
        told = f"--jobs {jobs}" if timeout is None else "--timeout"
        raise DeviceError(f"{told}: the inline executor does one run after another to its end; use --executor local")
    show_change(status.store_plan(planned, folder))
    entries = status.read_planned_runs(planned, folder)
    todo = scheduler.runs_left(entries, redo, only and only.value)
    if inline:
        selection = selection.one_at_a_time()
    config = selection.worker_config(len(todo), data_dir, keep_weights=keep_weights, redo=redo)
    policy = FaultPolicy(timeout, retries, fail_fast)
    settings = scheduler.scheduler_settings(config, selection.gpus, todo, results, first=chosen, policy=policy)
    with settings.stop.listening():
        watch(scheduler.run(todo, executor.value, settings), entries, todo, settings)
        counts = status.count_states(status.read_planned_runs(planned, folder))
        left = len(planned.planned) - counts["done"] - counts["skipped"]
        show_end(counts, folder, stopped=bool(settings.stop.presses and left), command=_going_on(config.command))
    if left:
        raise typer.Exit(1)


def _going_on(command: str) -> str:
    """The command that goes on with a stopped one: stopped runs are pending, and what was redone is done."""
    words = shlex.split(command)
    told = [word for at, word in enumerate(words) if word != "--only" and words[at - 1] != "--only"]
    return shlex.join(word for word in told if word != "--redo" and not word.startswith("--only="))
