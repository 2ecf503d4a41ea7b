"""Download datasets before the first run starts, so that workers find them on disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from dcbench import registry


def fetch_all(datasets: Iterable[str], data_dir: Path, stop_requested: Callable[[], bool]) -> dict[str, str]:
    """Fetch each dataset once; return the reasons for those that failed, none after a stop request."""
    problems = {}
    for dataset in dict.fromkeys(datasets):
        if not stop_requested() and (problem := fetch(dataset, data_dir)):
            problems[dataset] = problem
    return {} if stop_requested() else problems


def fetch(dataset: str, data_dir: Path) -> str | None:
    """Download a dataset unless it is on disk, with a progress bar on this terminal; return why it failed, or None."""
    files = registry.facts("datasets", dataset).get("files", [])
    if all((data_dir / file).exists() for file in files):
        return None
    # In a process of its own, because the command line must not import torch and torchvision.
    command = [
        sys.executable,
        "-m",
        "dcbench.training.datasets",
        dataset,
        str(data_dir),
        *map(str, registry.search_path()),
    ]
    # Nobody writes to its stdin. The pipe closes when this process ends, however that happens, and ends the download.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reason = process.stdout.read().strip()
    return None if process.returncode == 0 else reason or f"{dataset}: the download failed"
