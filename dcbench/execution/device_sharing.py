"""Who shares a device: each worker takes a seat at it and learns of everybody who sat there meanwhile.

In: the device's name and the run's. Out: the names of the runs that were there at any moment while this one was,
whichever scheduler and matrix of this user they belong to. Seats are locked files in the machine's temporary folder; a
lock goes with its process, so a killed worker leaves none that counts.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class DeviceSeat:
    """One worker's place at a device. Its file holds the run's name, and below it those who came later."""

    def __init__(self, path: Path, met: list[str]) -> None:
        self.path, self._met = path, met

    def others(self) -> list[str]:
        """Runs that have been at the device while this one was, in alphabetical order."""
        came = self.path.read_text(encoding="utf-8").splitlines()[1:]
        return sorted({*self._met, *came})


@contextmanager
def take_seat(device: str, run: str, place: Path | None = None) -> Iterator[DeviceSeat | None]:
    """Sit at the device while the block runs; None where the temporary folder does not allow it."""
    try:
        folder = (place or _place()) / (re.sub(r"[^A-Za-z0-9]+", "-", device) or "cpu")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file, taken = _sit(folder, run)
    except OSError:
        yield None
        return
    with file:
        try:
            yield taken
        finally:
            taken.path.unlink(missing_ok=True)


def _place() -> Path:
    return Path(tempfile.gettempdir()) / f"dcbench-{os.getuid()}"


def _sit(folder: Path, run: str) -> tuple[TextIO, DeviceSeat]:
    """Note who is here, and tell them who has come; one newcomer at a time."""
    path = folder / f"{os.getpid()}-{time.time_ns()}.seat"
    with (folder / "door").open("a") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        met = [name for other in sorted(folder.glob("*.seat")) if other != path and (name := _greet(other, run))]
        file = path.open("w", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{run}\n")
        file.flush()
        return file, DeviceSeat(path, met)


def _greet(other: Path, run: str) -> str | None:
    """Add the newcomer to a seat that is taken; the name of who sits there, None (and no seat) when nobody does."""
    try:
        with other.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                file.write(f"{run}\n")
                return other.read_text(encoding="utf-8").partition("\n")[0]
            other.unlink(missing_ok=True)
    except OSError:
        pass
    return None
