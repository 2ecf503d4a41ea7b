"""Settings with which a worker executes a run: device, threads, folders and limits.

They are not part of a run's identity: the same spec has the same run id under every configuration.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from dcbench import registry
from dcbench.core.devices import DeviceKind


def default_data_dir() -> Path:
    """Return $DCBENCH_DATA, or else dcbench's folder in the user's cache."""
    if chosen := os.environ.get("DCBENCH_DATA"):
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "dcbench"


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """Where and how a worker executes one run.

    The command line makes one for all runs; the scheduler derives each run's own with `dataclasses.replace`.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    data_dir: Path = field(default_factory=default_data_dir)
    device: DeviceKind = "cpu"
    gpu: str = ""
    """UUID of the GPU that the worker may see; empty on the CPU, and where the environment has chosen already."""
    threads: int = 1
    """CPU threads of each library."""
    jobs: int = 1
    """Runs at once on this machine, over all devices; recorded in provenance.json."""
    command: str = ""
    """Command line that started the run; recorded in provenance.json."""
    plugins: tuple[Path, ...] = field(default_factory=registry.search_path)
    """Folders of the user's own plug-ins, which the worker must find too."""
    checkpoint_every: float = 300.0
    """Shortest time (s) between two checkpoints. A stop writes one in any case."""
    keep_weights: bool = False
    """Keep the last checkpoint of a finished run instead of deleting it."""
    redo: bool = False
    """Do the run again from its first row even if it is done."""
    memory_mb: float | None = None
    """GPU memory (MB) that the scheduler reserved, and the most that the run may take; None for no limit."""
    predicted_seconds: float | None = None
    """Time (s) that the scheduler expects the run to take; None if unknown. Recorded in provenance.json."""

    def to_json(self) -> str:
        """Return the record as JSON text with every field."""
        return _ADAPTER.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> WorkerConfig:
        """Read what `to_json` wrote; ValueError for unknown, missing and unsuitable keys."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"expected a JSON object, not {text[:40]!r}")
        # No key falls back to its default: a worker of another version must not run with settings that nobody chose.
        names = [each.name for each in fields(cls)]
        problems = [f"unknown key {name!r}" for name in values if name not in names]
        problems += [f"missing key {name!r}" for name in names if name not in values]
        if problems:
            raise ValueError(f"{', '.join(problems)}. The keys are: {', '.join(names)}")
        return _ADAPTER.validate_json(text)


_ADAPTER = TypeAdapter(WorkerConfig)
