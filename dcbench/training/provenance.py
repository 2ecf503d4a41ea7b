"""Gather the contents of provenance.json: versions, machine, data and command line of a run."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import dcbench
from dcbench import registry
from dcbench.core import devices
from dcbench.core.spec import RunSpec

LIBRARIES = ("torch", "torchvision", "faiss-gpu", "faiss-cpu", "scikit-learn", "numpy", "scipy")
"""Distributions whose versions are recorded, where they are installed."""


def gather_provenance(
    spec: RunSpec, data: Mapping[str, Any], device: torch.device, threads: int, jobs: int, command: str
) -> dict[str, Any]:
    """Return the facts of provenance.json; `data` has the number and the digest of the training images."""
    # Only runs that use the user's own plug-ins have this key, with the digest and the path of each file.
    plugins = {
        name: {"sha256": plugin["sha256"], "path": plugin["path"]}
        for name, plugin in registry.describe_own_plugins(spec.plugins).items()
    }
    return ({"plugins": plugins} if plugins else {}) | {
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


def read_commit() -> str | None:
    """Return the commit of the running source, with `+` when the checkout has changes; None outside a checkout."""
    package = Path(dcbench.__file__).parent
    if not (package.parent / ".git").exists():
        return None
    git = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
        cwd=package, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return git.stdout.strip() or None


# Read when the code is loaded: the checkout may change during a run.
COMMIT = read_commit()
VERSIONS: dict[str, str] = {}
for _name in LIBRARIES:
    with suppress(metadata.PackageNotFoundError):
        VERSIONS[_name] = metadata.version(_name)
