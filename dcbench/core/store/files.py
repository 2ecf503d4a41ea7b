"""Files that are their old selves or whole, whatever happens while they are written; folders that cannot be written."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dcbench.errors import ResultsError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a full disk."""


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write `path` so that it is either its old self or whole, also after a power cut."""
    with open_atomic(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """A file that takes `path`'s place when the block ends well, and leaves no trace when it does not."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


OWN_SUFFIXES = (".png", ".svg", ".pdf", ".csv", ".md", ".tex")
"""Endings of what is written into folders; anything else there is somebody else's."""


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """An empty folder whose files take their places in `target` when the block ends well; else `target` stays as it is.

    Each file replaces its old self, those in folders before those beside them, so that nothing named by a page
    is ever missing. Last, files of a kind that is written here are removed from the folders where they are not now.
    """
    target.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target, prefix=".new."))
    try:
        yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    _take_places(fresh, target)  # who is stopped in the midst of this leaves the folder, which says so
    shutil.rmtree(fresh, ignore_errors=True)


def _take_places(fresh: Path, target: Path) -> None:
    found = sorted(path.relative_to(fresh) for path in fresh.rglob("*"))
    folders = [path for path in found if (fresh / path).is_dir()]
    for folder in folders:
        (target / folder).mkdir(exist_ok=True)
    for path in sorted(set(found) - set(folders), key=lambda path: (-len(path.parts), path)):
        os.replace(fresh / path, target / path)
    for folder in folders:
        for path in (target / folder).iterdir():
            if path.relative_to(target) not in found and path.suffix in OWN_SUFFIXES and not path.is_dir():
                path.unlink()


@contextmanager
def explain_os_error(path: Path, option: str = "--results") -> Iterator[None]:
    """Turn an OSError into a ResultsError that says what could not be done with `path`, which `option` chooses."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise ResultsError(f"{where}: {error.strerror}; choose a folder you can write with {option}") from error


def overwrite(path: Path, text: str) -> None:
    """Write over a file that is there, into the bytes that it has: for a full disk. Half-way it is torn."""
    with path.open("r+", encoding="utf-8") as file:
        file.write(text)
        file.truncate()


def explain_unwritable(folder: Path) -> str | None:
    """Why nothing can be written into a folder, in words; None when it can be, or is not there yet."""
    try:
        system = os.statvfs(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        return str(error.strerror)
    if not os.access(folder, os.W_OK):
        return "read-only file system" if system.f_flag & os.ST_RDONLY else "permission denied"
    return None if system.f_bavail else "no space left on its file system"
