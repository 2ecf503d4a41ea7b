"""`dcbench run`: what is missing of a matrix."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from dcbench import devices, ledger, scheduler
from dcbench.cli.options import LOCAL, DataDir, Device, Executor, MatrixFile, Results
from dcbench.errors import DeviceError
from dcbench.executors import Options, default_data_dir
from dcbench.matrix import read_matrix
from dcbench.rundir import MatrixDir
from dcbench.screens.board import show_end, watch
from dcbench.screens.plan import show_change


def run(
    matrix: MatrixFile,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    device: Device = "auto",
    executor: Annotated[Executor, typer.Option(help="How runs are executed.")] = LOCAL,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at once. Default: one a GPU, without a GPU one a core.")
    ] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Also do the runs that are done already.")] = False,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep the last checkpoint of each run (VGG16 at 224 px: 1.1 GB).")
    ] = False,
) -> None:
    """Run what is missing of a matrix. Exit code 0 when every planned run is done or skipped."""
    kind, gpus = devices.resolve(device)
    planned = read_matrix(matrix, devices.default_precision(kind))
    folder = MatrixDir(results / planned.name)
    show_change(ledger.adopt(planned, folder))
    entries = ledger.entries(planned, folder)
    todo = scheduler.left(entries, redo)
    if executor.value == "inline" and jobs not in (None, 1):
        raise DeviceError(f"--jobs {jobs}: the inline executor does one run after another; use --executor local")
    count = 1 if executor.value == "inline" else jobs_at_once(jobs, len(gpus), len(todo))
    options = Options(
        data_dir=(data_dir or default_data_dir()).absolute(),
        device=kind,
        gpus=tuple(gpu.uuid for gpu in gpus),
        jobs=count,
        threads=devices.cores() // count,
        redo=redo,
        keep_weights=keep_weights,
        command=shlex.join(["dcbench", *sys.argv[1:]]),
    )
    finished = watch(scheduler.run(todo, executor.value, options), entries, todo, options)
    counts = ledger.counts(ledger.entries(planned, folder))
    show_end(counts, folder, stopped=not finished, command=options.command)
    if counts["done"] + counts["skipped"] < len(planned.planned):
        raise typer.Exit(1)


def jobs_at_once(asked: int | None, gpus: int, todo: int) -> int:
    """How many runs go on at once: one a GPU, else one a core, and never more than cores or runs."""
    cores = devices.cores()
    if asked is not None and asked > cores:
        raise DeviceError(f"--jobs {asked}: this machine has {cores} cores, and each run needs one")
    return max(1, min(asked or gpus or cores, cores, todo))
