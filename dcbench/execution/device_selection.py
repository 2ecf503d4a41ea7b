"""Choose the devices for a matrix from --device, --gpus, --runs-per-gpu and --jobs, and how many runs share them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcbench.core import devices
from dcbench.core.worker_config import WorkerConfig, default_data_dir
from dcbench.errors import DeviceError


@dataclass(frozen=True, kw_only=True)
class DeviceSelection:
    """The devices for a matrix, and how many runs share them."""

    kind: devices.DeviceKind
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
        """Return the configuration that this many runs have in common; `more` sets further fields of it."""
        jobs = count_jobs(runs, len(self.gpus), self.jobs, self.runs_per_gpu)
        return WorkerConfig(
            data_dir=(data_dir or default_data_dir()).absolute(),
            device=self.kind,
            jobs=jobs,
            # Divide by --jobs even if fewer runs are left: times are only comparable, and predictable, at the number of
            # threads that the other runs of the matrix had.
            threads=max(1, devices.count_cores() // (self.jobs or jobs)),
            **more,
        )


def select_devices(device: str, gpus: str, runs_per_gpu: str, jobs: int | None) -> DeviceSelection:
    """Return the devices that these options select; raise a DeviceError that says which option to change."""
    if runs_per_gpu != "auto" and (not runs_per_gpu.isdigit() or int(runs_per_gpu) < 1):
        raise DeviceError(f"--runs-per-gpu {runs_per_gpu}: give auto, or a number from 1 on")
    kind, selected = devices.resolve_device(device, gpus)
    return DeviceSelection(
        kind=kind,
        gpus=selected[: devices.count_cores()],  # a run needs a core, so more GPUs than cores would stay idle
        runs_per_gpu=None if runs_per_gpu == "auto" else int(runs_per_gpu),
        jobs=jobs,
    )


def make_single_config(device: str, data_dir: Path | None, **more: Any) -> WorkerConfig:
    """Return the configuration of a process on the first GPU that --device selects, or on the CPU."""
    kind, gpus = devices.resolve_device(device)
    gpu = gpus[0].uuid if gpus else ""
    return WorkerConfig(data_dir=(data_dir or default_data_dir()).absolute(), device=kind, gpu=gpu, **more)


def count_jobs(runs: int, gpus: int, jobs: int | None, runs_per_gpu: int | None) -> int:
    """Return how many runs may execute at once, so that each has at least one core.

    On the CPU: `jobs`, or else one per core, and at most `runs`. On GPUs, of which there are at most as many as cores:
    `runs_per_gpu` on each, or else one per core; then the memory of the GPUs limits them further.
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
