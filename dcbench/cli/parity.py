"""`dcbench parity`: the backends compared on real features."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import DataDir, Device, Results
from dcbench.core import console, devices
from dcbench.core.worker_config import WorkerConfig, default_data_dir
from dcbench.errors import DataError
from dcbench.execution.scheduler import downloads
from dcbench.parity import table
from dcbench.parity.terminal import collect_rows, show_parity


def parity(
    dataset: Annotated[str, typer.Option(help="The images whose features are compared on.")] = "mnist",
    limit: Annotated[
        int | None,
        typer.Option(help="How many of them, class-balanced. Default: 10,000, or all where there are fewer."),
    ] = None,
    k: Annotated[str, typer.Option(help="Numbers of clusters.")] = "10,100,1000",
    backends: Annotated[str | None, typer.Option(help="Two or more, like faiss,sklearn. Default: all.")] = None,
    starts: Annotated[int, typer.Option(min=1, help="Starts of k-means, each from other first centroids.")] = 10,
    pca_dim: Annotated[int, typer.Option(help="Dimensions kept by the PCA.")] = 256,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: one a core.")] = None,
) -> None:
    """Compare the backends on real features, pair by pair: PCA, whitening, k-means, their defaults, their seconds."""
    kind, gpus = devices.resolve_device(device)
    asked = table.parse_settings(dataset, limit, k, backends, starts, pca_dim)
    files = table.ParityFiles(results, asked)
    files.prepare()
    config = WorkerConfig(
        data_dir=(data_dir or default_data_dir()).absolute(),
        device=kind,
        gpu=gpus[0].uuid if gpus else "",
        threads=threads or devices.count_cores(),
        command=shlex.join(["dcbench", *sys.argv[1:]]),
    )
    if problem := downloads.fetch(dataset, config.data_dir):
        raise DataError(problem)
    from dcbench.parity import measuring as comparing

    bench = comparing.prepare(asked, config)
    lines = collect_rows(comparing.measure(bench), console.stdout)
    files.write(lines, bench.facts)
    show_parity(lines, asked, console.stdout)
    print(f"table: {files.csv_file}")
