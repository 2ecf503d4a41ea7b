"""`dcbench plan`: what a matrix comes to, and what it will cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import (
    LOCAL,
    AsJson,
    DataDir,
    Device,
    Gpus,
    Jobs,
    MatrixFile,
    PerGpu,
    Results,
    select_devices,
)
from dcbench.cli.terminal.plan import show_forecast, show_plan
from dcbench.core import devices
from dcbench.core.matrix.expand import read_matrix
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.execution import scheduler
from dcbench.execution.scheduler.forecast import forecast


def plan(
    matrix: MatrixFile,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    device: Device = "auto",
    gpus: Gpus = "all",
    runs_per_gpu: PerGpu = "auto",
    jobs: Jobs = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Measure classes of runs that nothing is known of, by a short run of each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Expand a matrix: the count after each step, the axes, what is done, and what the rest will cost.

    Times and memory come from finished runs of the same class under the results folder, on a device like this one.
    """
    selection = select_devices(device, gpus, runs_per_gpu, jobs)
    planned = read_matrix(matrix, devices.choose_precision(selection.kind))
    folder = MatrixDir(results / planned.name)
    entries = status.read_planned_runs(planned, folder)
    config = selection.worker_config(len(scheduler.runs_left(entries)) or len(entries), data_dir)
    settings = scheduler.scheduler_settings(config, selection.gpus, entries, results)
    if probe:
        with settings.stop.listening():
            scheduler.measure(scheduler.runs_left(entries), LOCAL.value, settings)
        if settings.stop.presses:
            raise typer.Exit(130)
    foreseen, counts = forecast(entries, settings), status.count_states(entries)
    if as_json:
        facts = {"cells": planned.cells, "runs": len(planned.runs), "baselines": len(planned.baselines)}
        print(json.dumps(facts | {"done": counts["done"], "steps": planned.steps, "forecast": asdict(foreseen)}))
    else:
        show_plan(planned, folder, counts)
        show_forecast(foreseen, settings)
