"""What several commands share: the types of their options, and how one folder's error is told."""

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

ExecutorName = StrEnum("ExecutorName", registry.plugin_names("executors"))  # type: ignore[misc]
LOCAL = ExecutorName("local")

MatrixFile = Annotated[Path, typer.Argument(help="The matrix file.", metavar="MATRIX")]
Results = Annotated[Path, typer.Option("--results", help="Where results are kept, a folder for each matrix.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Where datasets are kept. Default: $DCBENCH_DATA, else the user's cache folder.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Gpus = Annotated[str, typer.Option(help="all, or indices like 0,2, as nvidia-smi counts them.")]
PerGpu = Annotated[
    str, typer.Option(metavar="auto|N", help="Runs that share a GPU at once. auto: as many as their memory allows.")
]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Runs at once on the CPU, which share the cores. Default: one a core.")
]
RunDevice = Annotated[
    str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N. Default: cpu or cuda, as the run was made.")
]
RunThreads = Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads. Default: as the run was made.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@dataclass(frozen=True)
class DeviceSelection:
    """Where runs will work: cpu or cuda, the GPUs, and how many runs may share one (None: as many as fit)."""

    kind: devices.DeviceKind
    gpus: tuple[devices.Gpu, ...]
    per_gpu: int | None
    jobs: int | None

    def one_at_a_time(self) -> DeviceSelection:
        """The same for an executor that does one run after another."""
        return replace(
            self, gpus=self.gpus[:1], per_gpu=1 if self.gpus else self.per_gpu, jobs=None if self.gpus else 1
        )

    def worker_config(self, todo: int, data_dir: Path | None, **more: Any) -> WorkerConfig:
        """The executor's options for so many runs."""
        count = jobs_at_once(todo, len(self.gpus), self.jobs, self.per_gpu)
        return WorkerConfig(
            data_dir=(data_dir or default_data_dir()).absolute(),
            device=self.kind,
            jobs=count,
            threads=max(1, devices.count_cores() // (self.jobs or count)),
            command=shlex.join(["dcbench", *sys.argv[1:]]),
            **more,
        )


def select_devices(device: str, gpus: str, runs_per_gpu: str, jobs: int | None) -> DeviceSelection:
    """What --device, --gpus, --runs-per-gpu and --jobs come to on this machine."""
    if runs_per_gpu != "auto" and (not runs_per_gpu.isdigit() or int(runs_per_gpu) < 1):
        raise DeviceError(f"--runs-per-gpu {runs_per_gpu}: give auto, or a number from 1 on")
    kind, found = devices.resolve_device(device, gpus)
    found = found[: devices.count_cores()]  # each run needs a core
    return DeviceSelection(kind, found, None if runs_per_gpu == "auto" else int(runs_per_gpu), jobs)


def jobs_at_once(todo: int, gpus: int, jobs: int | None, per_gpu: int | None) -> int:
    """How many runs go on at once, each on a core of its own at the least.

    On a CPU `jobs`, else one a core. On GPUs, of which there are no more than cores, `per_gpu` a device, else as many
    as there are cores for: their memory decides then.
    """
    cores = devices.count_cores()
    if gpus and jobs is not None:
        raise DeviceError(f"--jobs {jobs} is for runs on the CPU; with GPUs give --runs-per-gpu")
    if not gpus and per_gpu is not None:
        raise DeviceError(f"--runs-per-gpu {per_gpu}: no GPU is used here; give --jobs")
    asked = per_gpu * gpus if per_gpu else jobs or cores
    if asked > cores:
        told = f"--runs-per-gpu {per_gpu}" if per_gpu else f"--jobs {jobs}"
        raise DeviceError(f"{told}: this machine has {cores} cores, and each run needs one")
    return asked // gpus * gpus if gpus else max(1, min(asked, todo))


UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    """`90`, `90s`, `15m` or `2h` -> seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not found or float(found[1]) == 0:
        raise typer.BadParameter(f"expected a time like 90s, 15m or 2h, not {text!r}")
    return float(found[1]) * UNITS[found[2]]


def tell(error: DcbenchError) -> bool:
    """One folder's error, told without stopping at it."""
    print(f"error: {error}", file=sys.stderr)
    return True
