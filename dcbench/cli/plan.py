"""`dcbench plan`: list the runs of a matrix, and estimate their time and memory."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import (
    LOCAL,
    DataDirOption,
    DeviceOption,
    GpusOption,
    JobsOption,
    JsonOption,
    MatrixArgument,
    PluginsOption,
    ResultsOption,
    RunsPerGpuOption,
    join_command,
)
from dcbench.cli.terminal.plan import show_forecast, show_plan, show_power
from dcbench.core import devices
from dcbench.core.matrix.expand import read_matrix
from dcbench.core.power import estimate_power
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.execution import scheduler
from dcbench.execution.device_selection import select_devices
from dcbench.execution.scheduler.forecast import forecast


def plan(
    matrix: MatrixArgument,
    results: ResultsOption = Path("results"),
    data_dir: DataDirOption = None,
    plugins: PluginsOption = None,
    device: DeviceOption = "auto",
    gpus: GpusOption = "all",
    runs_per_gpu: RunsPerGpuOption = "auto",
    jobs: JobsOption = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Execute a short run of each class of unknown cost to measure it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a matrix: counts, axes, what is done, what its seeds can find, and what the rest will take.

    Times and memory come from finished runs of the same class under the results folder, on a device like this one. How
    large an effect must be for the report to find it comes from the matrix's own finished runs if they have three
    seeds, otherwise from the variances of another matrix, which the line names.
    """
    selection = select_devices(device, gpus, runs_per_gpu, jobs)
    expanded = read_matrix(matrix, devices.choose_precision(selection.kind))
    folder = MatrixDir(results / expanded.name)
    entries = status.read_planned_runs(expanded, folder)
    todo = scheduler.select_runs(entries)
    config = selection.worker_config(len(todo) or len(entries), data_dir, command=join_command())
    settings = scheduler.make_settings(config, selection.gpus, entries, results)
    if probe:
        with settings.interrupts.counting():
            scheduler.measure_costs(todo, LOCAL, settings)
        if settings.interrupts.count:
            raise typer.Exit(130)  # as a shell reports Ctrl-C: 128 + SIGINT
    prediction, counts = forecast(entries, settings), status.count_states(entries)
    powers = estimate_power(expanded, entries)
    if as_json:
        numbers = {"cells": expanded.cells, "runs": len(expanded.runs), "baselines": len(expanded.baselines)}
        estimates = {"forecast": asdict(prediction), "power": [asdict(power) for power in powers]}
        print(json.dumps({**numbers, "done": counts["done"], "steps": expanded.steps, **estimates}))
    else:
        show_plan(expanded, folder, counts)
        show_power(powers, len({spec.seed for spec in expanded.runs}))
        show_forecast(prediction, settings)
