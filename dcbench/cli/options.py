"""Options that several commands share: their types and help, and what they select on this machine."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dcbench import registry
from dcbench.core import devices
from dcbench.core.worker_config import WorkerConfig, default_data_dir
from dcbench.errors import DcbenchError, DeviceError

ExecutorName = StrEnum("ExecutorName", registry.plugin_names("executors"))  # type: ignore[misc]  # names found at run time
LOCAL = ExecutorName("local")

MatrixFile = Annotated[Path, typer.Argument(help="The matrix file.", metavar="MATRIX")]
Results = Annotated[Path, typer.Option("--results", help="Folder of the results, with a folder for each matrix.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder of the datasets. Default: $DCBENCH_DATA, or else the user's cache folder.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Gpus = Annotated[str, typer.Option(help="all, or indices as nvidia-smi shows them, like 0,2.")]
PerGpu = Annotated[
    str, typer.Option(metavar="auto|N", help="Runs at once on each GPU. auto: as many as fit in its memory.")
]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Runs at once on the CPU, which share the cores. Default: one per core.")
]
RunDevice = Annotated[
    str | None,
    typer.Option("--device", help="auto, cpu, cuda or cuda:N. Default: cpu or cuda, as in the original run."),
]
RunThreads = Annotated[
    int | None, typer.Option("--threads", min=1, help="CPU threads. Default: as in the original run.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@dataclass(frozen=True, kw_only=True)
class DeviceSelection:
    """The devices for a matrix, from --device, --gpus, --runs-per-gpu and --jobs."""

    kind: devices.DeviceKind
    """Kind of device: cpu or cuda."""

    gpus: tuple[devices.Gpu, ...]
    """GPUs to use; empty on the CPU."""

    runs_per_gpu: int | None
    """Runs at once on each GPU; None for as many as fit in its memory."""

    jobs: int | None
    """Runs at once on the CPU; None for one per core."""

    def one_at_a_time(self) -> DeviceSelection:
        """Return the selection for an executor that executes one run after another."""
        if self.gpus:
            return replace(self, gpus=self.gpus[:1], runs_per_gpu=1, jobs=None)
        return replace(self, jobs=1)

    def worker_config(self, runs: int, data_dir: Path | None, **more: Any) -> WorkerConfig:
        """Return what the workers of this many runs have in common."""
        jobs = count_jobs(runs, len(self.gpus), self.jobs, self.runs_per_gpu)
        return WorkerConfig(
            data_dir=(data_dir or default_data_dir()).absolute(),
            device=self.kind,
            jobs=jobs,
            # By --jobs, even if there are fewer runs: the last runs of a matrix get the threads that all others had,
            # since times are only comparable, and predictable, at equal threads.
            threads=max(1, devices.count_cores() // (self.jobs or jobs)),
            command=shlex.join(["dcbench", *sys.argv[1:]]),
            **more,
        )


def select_devices(device: str, gpus: str, runs_per_gpu: str, jobs: int | None) -> DeviceSelection:
    """Return the devices that these options select on this machine; DeviceError if they cannot be had."""
    if runs_per_gpu != "auto" and (not runs_per_gpu.isdigit() or int(runs_per_gpu) < 1):
        raise DeviceError(f"--runs-per-gpu {runs_per_gpu}: give auto, or a number from 1 on")
    kind, selected = devices.resolve_device(device, gpus)
    return DeviceSelection(
        kind=kind,
        gpus=selected[: devices.count_cores()],  # a run needs a core, so more GPUs than cores would stay idle
        runs_per_gpu=None if runs_per_gpu == "auto" else int(runs_per_gpu),
        jobs=jobs,
    )


def count_jobs(runs: int, gpus: int, jobs: int | None, runs_per_gpu: int | None) -> int:
    """Return how many runs may be at once, so that each has at least one core.

    On the CPU: `jobs`, or else one per core, and no more than there are `runs`. On GPUs, of which there are no more
    than cores: `runs_per_gpu` on each, or else as many as there are cores for; then their memory sets the limit.
    """
    cores = devices.count_cores()
    if gpus and jobs is not None:
        raise DeviceError(f"--jobs {jobs} is for runs on the CPU; with GPUs give --runs-per-gpu")
    if not gpus and runs_per_gpu is not None:
        raise DeviceError(f"--runs-per-gpu {runs_per_gpu}: no GPU is used here; give --jobs")
    at_once = runs_per_gpu * gpus if runs_per_gpu else jobs or cores
    if at_once > cores:
        option = f"--runs-per-gpu {runs_per_gpu}" if runs_per_gpu else f"--jobs {jobs}"
        raise DeviceError(f"{option}: this machine has {cores} cores, and each run needs one")
    return at_once // gpus * gpus if gpus else max(1, min(at_once, runs))


UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
"""Seconds in each unit of time."""


def parse_duration(text: str) -> float:
    """Return the seconds in a text like `90`, `90s`, `15m` or `2h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not match or float(match[1]) == 0:
        raise typer.BadParameter(f"expected a time like 90s, 15m or 2h, not {text!r}")
    return float(match[1]) * UNITS[match[2]]


def print_error(error: DcbenchError) -> None:
    """Print the error of one folder, for a command that goes on with the others."""
    print(f"error: {error}", file=sys.stderr)
