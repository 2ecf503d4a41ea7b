"""Executors: where and when a worker runs. What they share lives here.

A part is a class `Workers(options)` that starts the one worker entry for run folders and tells which ended; the
scheduler decides what starts when and where, and does the rest of the talking:

    start(run, place)      a worker for this run folder begins there
    wait(seconds)          what has ended; returns as soon as anything has, at the latest after so many seconds
    ask(run)               end after this row, with a checkpoint; asked twice, at once
    kill(run)              end the worker and all that it started, now
    close()                nothing is left of any worker when this returns
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dcbench.core.devices import Gpu

EXIT_DONE, EXIT_FAILED, EXIT_CLAIMED, EXIT_STOPPED = 0, 1, 75, 143
"""What a worker's exit code says; 75 is EX_TEMPFAIL, 143 is 128 + SIGTERM."""

GRACE = 10.0
"""Seconds that a worker has to end its row and write a checkpoint, where somebody cannot wait longer."""

LAST_WORDS = 3.0
"""Seconds that it has, asked again, to leave its run pending; then it is killed."""


@dataclass(frozen=True)
class Options:
    """How runs are executed; none of it is part of a run's identity.

    `jobs` is how many go on at once, all devices together, each with `threads` CPU threads.
    """

    data_dir: Path
    device: str = "cpu"
    gpus: tuple[Gpu, ...] = ()
    jobs: int = 1
    threads: int = 1
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
class Place:
    """Where a run works: a GPU's UUID (empty: the CPU), what it may take of its memory (MB), predicted time (s).

    `redo` is to do it also when it is done, from its first row.
    """

    gpu: str = ""
    memory_mb: float | None = None
    seconds: float | None = None
    redo: bool = False


@dataclass(frozen=True)
class WorkerExit:
    """A worker's end; a negative code is the signal that killed it."""

    run: Path
    exit_code: int


class Workers(Protocol):
    """What a part provides."""

    def __init__(self, options: Options) -> None: ...
    def start(self, run: Path, place: Place) -> None:
        """Begin."""

    def wait(self, seconds: float) -> list[WorkerExit]:
        """Tell who has ended."""

    def ask(self, run: Path) -> None:
        """Ask for an end."""

    def kill(self, run: Path) -> None:
        """End it."""

    def close(self) -> None:
        """End all."""


def worker_arguments(run: Path, options: Options, place: Place) -> list[str]:
    """The arguments of `python -m dcbench.execution.worker` for one run."""
    arguments = [str(run), "--data-dir", str(options.data_dir), "--device", options.device]
    arguments += ["--threads", str(options.threads), "--jobs", str(options.jobs), "--command", options.command]
    figures = {
        "--checkpoint-every": options.checkpoint_every,
        "--memory-mb": place.memory_mb,
        "--predicted": place.seconds,
    }
    arguments += [word for flag, value in figures.items() if value is not None for word in (flag, str(value))]
    flags = {"--redo": place.redo, "--keep-weights": options.keep_weights}
    return [*arguments, *(flag for flag, on in flags.items() if on)]
