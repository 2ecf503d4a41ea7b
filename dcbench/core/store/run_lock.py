"""The lock with which a process claims a run.

It is a lock of the kernel (flock), which is released when its process ends, however that happens. A lease for network
storage, where such locks are not reliable, belongs in this file.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcbench.errors import ClaimedError, ResultsError


@contextmanager
def hold_lock(path: Path, patience: float) -> Iterator[None]:
    """Hold the lock while the block runs; raise ClaimedError if another process still has it after `patience` (s)."""
    deadline = time.monotonic() + patience
    with path.open("a") as file:
        while not _try_lock(file.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise ClaimedError(f"{path.parent}: another process is working on this run")
            time.sleep(0.02)
        yield


def is_locked(path: Path) -> bool:
    """Return whether a live process holds the lock."""
    try:
        file = path.open("rb")
    except OSError:
        return False
    # A shared lock, so that two readers that test at once do not take each other for the worker.
    with file:
        return not _try_lock(file.fileno(), fcntl.LOCK_SH)


def _try_lock(descriptor: int, mode: int) -> bool:
    """Take the lock if it is free and return whether it was; closing the file releases it."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ResultsError(
            f"this file system cannot lock files ({error.strerror}), so two processes could work on one run; "
            "choose another folder with --results"
        ) from None
    return True
