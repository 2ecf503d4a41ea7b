"""Record which runs of this user share a device, even if different schedulers started them.

Each run holds a seat: a locked file in the machine's temporary folder. The kernel releases a lock when its process
ends, so the seat of a killed worker is recognised as empty.
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


class DeviceSeat:
    """The seat of one run: a file with the name of the run, and below it the names of runs that started later."""

    def __init__(self, path: Path, earlier: list[str]) -> None:
        self.path, self._earlier = path, earlier

    def neighbours(self) -> list[str]:
        """Return the runs that have been on the device together with this one, in alphabetical order."""
        later = self.path.read_text(encoding="utf-8").splitlines()[1:]
        return sorted({*self._earlier, *later})


@contextmanager
def take_seat(device: str, run: str, root: Path | None = None) -> Iterator[DeviceSeat | None]:
    """Hold a seat on the device while the block runs; give None if the temporary folder cannot be written."""
    root = root or Path(tempfile.gettempdir()) / f"dcbench-{os.getuid()}"
    folder = root / (re.sub(r"[^A-Za-z0-9]+", "-", device) or "cpu")
    path = folder / f"{os.getpid()}-{time.time_ns()}.seat"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One new run at a time: of two at once, neither would see the other's seat.
        with (folder / "door").open("a") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            earlier = [name for seat in sorted(folder.glob("*.seat")) if (name := _announce(run, seat))]
            file = path.open("w", encoding="utf-8")
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(f"{run}\n")
            file.flush()
    except OSError:
        yield None
        return
    with file:
        try:
            yield DeviceSeat(path, earlier)
        finally:
            path.unlink(missing_ok=True)


def _announce(run: str, seat: Path) -> str | None:
    """Add a new run's name to a seat and return the name of its holder; remove the seat if nobody holds it."""
    try:
        with seat.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:  # a live process holds the exclusive lock
                file.write(f"{run}\n")
                return seat.read_text(encoding="utf-8").partition("\n")[0]
            seat.unlink(missing_ok=True)
    except OSError:
        pass  # the seat's holder has just left
    return None
