"""Executors: where and when a worker runs. What they share lives here.

A part is `execute(runs, options) -> Iterator[Event]`: it starts the one worker entry for each run
folder, yields an event when a run starts and when it ends, and stops its workers when closed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

EXIT_DONE, EXIT_FAILED, EXIT_CLAIMED, EXIT_STOPPED = 0, 1, 75, 143
"""What a worker's exit code says; 75 is EX_TEMPFAIL, 143 is 128 + SIGTERM."""


@dataclass(frozen=True)
class Options:
    """How runs are executed; none of it is part of a run's identity."""

    data_dir: Path
    device: str = "cpu"
    gpus: tuple[str, ...] = ()
    jobs: int = 1
    threads: int = 1
    redo: bool = False
    keep_weights: bool = False
    checkpoint_every: float | None = None
    command: str = ""


def default_data_dir() -> Path:
    """$DCBENCH_DATA, else the user's cache folder."""
    if named := os.environ.get("DCBENCH_DATA"):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "dcbench"


@dataclass(frozen=True)
class Event:
    """A run started (`exit_code` None) or ended."""

    run: Path
    exit_code: int | None = None


def worker_arguments(run: Path, options: Options) -> list[str]:
    """The arguments of `python -m dcbench.worker` for one run."""
    arguments = [str(run), "--data-dir", str(options.data_dir), "--device", options.device]
    arguments += ["--threads", str(options.threads), "--jobs", str(options.jobs), "--command", options.command]
    if options.checkpoint_every is not None:
        arguments += ["--checkpoint-every", str(options.checkpoint_every)]
    flags = {"--redo": options.redo, "--keep-weights": options.keep_weights}
    return [*arguments, *(flag for flag, on in flags.items() if on)]
