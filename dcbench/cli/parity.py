"""`dcbench parity`: compare the backends on real features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import DataDirOption, DeviceOption, PluginsOption, ResultsOption, join_command
from dcbench.core import console, devices
from dcbench.errors import DataError
from dcbench.execution import downloads
from dcbench.execution.device_selection import make_single_config
from dcbench.parity.table import ParityFiles, parse_settings
from dcbench.parity.terminal import collect_rows, show_parity


def parity(
    dataset: Annotated[str, typer.Option(help="Dataset whose images give the features.")] = "mnist",
    limit: Annotated[
        int | None,
        typer.Option(help="Number of images, class-balanced. Default: 10,000, or all of a smaller dataset."),
    ] = None,
    k: Annotated[str, typer.Option(help="Numbers of clusters, separated by commas.")] = "10,100,1000",
    backends: Annotated[str | None, typer.Option(help="Backends to compare, like faiss,sklearn. Default: all.")] = None,
    starts: Annotated[int, typer.Option(min=1, help="Starts of k-means, each from different first centroids.")] = 10,
    pca_dim: Annotated[int, typer.Option(help="Dimensions that the PCA keeps.")] = 256,
    results: ResultsOption = Path("results"),
    data_dir: DataDirOption = None,
    plugins: PluginsOption = None,
    device: DeviceOption = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: one per core.")] = None,
) -> None:
    """Compare the backends pair by pair on real features: PCA, whitening, k-means, default settings and times."""
    config = make_single_config(device, data_dir, threads=threads or devices.count_cores(), command=join_command())
    settings = parse_settings(
        dataset=dataset, limit=limit, k_values=k, backends=backends, starts=starts, pca_dim=pca_dim
    )
    files = ParityFiles(results, settings)
    files.prepare()
    if problem := downloads.fetch(dataset, config.data_dir):
        raise DataError(problem)
    # Imports torch, which takes seconds: only after every other mistake has been reported.
    from dcbench.parity import measuring

    bench = measuring.prepare(settings, config)
    rows = collect_rows(measuring.measure(bench), console.stdout)
    files.write(rows, bench.facts)
    show_parity(rows, settings, console.stdout)
    print(f"table: {files.csv_file}")
