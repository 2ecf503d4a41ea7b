"""Where and with what a run was made: versions, machine, data, command."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import dcbench
from dcbench.core import devices
from dcbench.core.spec import RunSpec

LIBRARIES = ("torch", "torchvision", "faiss-gpu", "faiss-cpu", "scikit-learn", "numpy", "scipy")


def gather_provenance(
    spec: RunSpec, data: Mapping[str, Any], device: torch.device, threads: int, jobs: int, command: str
) -> dict[str, Any]:
    """The facts of provenance.json; `data` is what the audit says of the training images."""
    return {
        "dcbench": dcbench.__version__,
        "commit": COMMIT,
        "python": platform.python_version(),
        "libraries": VERSIONS,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": devices.read_cpu_name(),
        "threads": threads,
        "runs_at_once": jobs,
        "dataset": {"name": spec.dataset, "images": data["images"], "sha256": data["sha256"]},
        "command": command,
        "spec": spec.model_dump(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the source that runs, when it runs from a checkout; `+` when the checkout was changed."""
    house = Path(dcbench.__file__).parent
    if not (house.parent / ".git").exists():
        return None
    told = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
        cwd=house, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return told.stdout.strip() or None


VERSIONS = {name: version for name in LIBRARIES if (version := _version(name))}
COMMIT = _commit()
"""Looked up once, when the code is loaded: this is what runs, whatever the checkout becomes meanwhile."""
