"""`dcbench run`: execute the runs of a matrix that are not done."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dcbench import registry
from dcbench.cli.options import (
    LOCAL,
    DataDirOption,
    DeviceOption,
    GpusOption,
    JobsOption,
    MatrixArgument,
    PluginsOption,
    ResultsOption,
    RunsPerGpuOption,
    join_command,
    parse_duration,
)
from dcbench.cli.terminal.board import show_end, watch
from dcbench.cli.terminal.plan import show_change, show_changed_plugins
from dcbench.core import devices
from dcbench.core.matrix.expand import read_matrix
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.errors import DeviceError
from dcbench.execution import scheduler
from dcbench.execution.device_selection import select_devices
from dcbench.execution.scheduler.faults import FaultPolicy
from dcbench.execution.scheduler.packing import parse_filters

Only = StrEnum("Only", ["failed", "pending"])


def run(
    matrix: MatrixArgument,
    results: ResultsOption = Path("results"),
    data_dir: DataDirOption = None,
    plugins: PluginsOption = None,
    device: DeviceOption = "auto",
    gpus: GpusOption = "all",
    runs_per_gpu: RunsPerGpuOption = "auto",
    jobs: JobsOption = None,
    executor: Annotated[
        str,
        typer.Option(
            help="How to execute runs: local (a process for each), inline (in this process), or the name of a plug-in."
        ),
    ] = LOCAL,
    first: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE,...", help="Cells to run first, like dataset=mnist,arch=vgg16; repeatable."),
    ] = None,
    only: Annotated[Only | None, typer.Option(help="Execute only the runs in this state.")] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Also execute the runs that are done.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            parser=parse_duration, metavar="TIME", help="Longest time of a run, like 90s, 15m or 2h. Default: no limit."
        ),
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="How often to retry a failed run.")] = 0,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="After the first failure, let running epochs finish and stop.")
    ] = False,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep the last checkpoint of each run (VGG16 at 224 px: 1.1 GB).")
    ] = False,
) -> None:
    """Execute the runs of a matrix that are not done. Exit code 0 if every planned run is done or skipped at the end.

    Ctrl-C once lets running epochs finish and saves checkpoints; twice ends them at once. The same command continues.
    """
    selection = select_devices(device, gpus, runs_per_gpu, jobs)
    plan = read_matrix(matrix, devices.choose_precision(selection.kind))
    folder = MatrixDir(results / plan.name)
    # Before `store_plan`, so that a wrong option changes nothing on disk; after `read_matrix`, because the matrix may
    # name the folder of the executor's plug-in.
    filters = parse_filters(first or [], plan.planned)
    registry.find("executors", executor)
    if executor == "inline":
        if jobs not in (None, 1) or timeout is not None:
            option = f"--jobs {jobs}" if timeout is None else "--timeout"
            raise DeviceError(
                f"{option}: the inline executor executes one run after another to its end; use --executor local"
            )
        selection = selection.one_at_a_time()
    show_change(status.store_plan(plan, folder))
    entries = status.read_planned_runs(plan, folder)
    if not redo:
        show_changed_plugins(entries)
    todo = scheduler.select_runs(entries, redo, only and only.value)
    config = selection.worker_config(len(todo), data_dir, command=join_command(), keep_weights=keep_weights, redo=redo)
    policy = FaultPolicy(timeout=timeout, retries=retries, fail_fast=fail_fast)
    settings = scheduler.make_settings(config, selection.gpus, todo, results, first=filters, policy=policy)
    with settings.interrupts.counting():
        watch(scheduler.run(todo, executor, settings), entries, todo, settings)
        counts = status.count_states(status.read_planned_runs(plan, folder))
        left = len(plan.planned) - counts["done"] - counts["skipped"]
        stopped = bool(settings.interrupts.count and left)
        show_end(counts, folder, stopped=stopped, command=make_resume_command(config.command))
    if left:
        raise typer.Exit(1)


def make_resume_command(command: str) -> str:
    """Return the command that continues a stopped one: the same without --only and --redo.

    The stopped runs are pending now, so `--only failed` would miss them, and --redo would repeat what is done.
    """
    words = shlex.split(command)
    kept_words = [
        word
        for number, word in enumerate(words)
        if word not in ("--only", "--redo") and not word.startswith("--only=") and words[number - 1] != "--only"
    ]
    return shlex.join(kept_words)
