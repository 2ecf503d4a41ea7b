"""Replace files and folders atomically, and explain why something cannot be written."""

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
"""Errors of a full disk and of a full quota."""

OWN_SUFFIXES = (".png", ".svg", ".pdf", ".csv", ".md", ".tex")
"""Suffixes of the files that dcbench writes into the folders of a report; other files belong to the user."""


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a file so that it holds either its old or its new content, even after a power cut."""
    with open_atomic(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that replaces `path` when the block ends, and that is removed when the block raises."""
    # In the same folder, since a rename is atomic only within one file system.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            # Without fsync a power cut after the rename could leave a file of the right name and no content.
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # mkstemp makes files that only their owner can read
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder whose files replace those in `target` when the block ends.

    When the block raises, `target` stays as it is. Of the files that are not replaced, those with a suffix in
    OWN_SUFFIXES are removed from the folders that the block has made; everything else stays.
    """
    target.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target, prefix=".new."))
    try:
        yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    # From here on an interruption leaves the folder `.new.*` behind, as a sign that `target` is half replaced.
    paths = sorted(path.relative_to(fresh) for path in fresh.rglob("*"))
    folders = [path for path in paths if (fresh / path).is_dir()]
    for folder in folders:
        (target / folder).mkdir(exist_ok=True)
    # Deepest first: a page at the top names figures in the folders, which must be there before it.
    for path in sorted(set(paths) - set(folders), key=lambda path: (-len(path.parts), path)):
        os.replace(fresh / path, target / path)
    for folder in folders:
        for path in (target / folder).iterdir():
            if path.relative_to(target) not in paths and path.suffix in OWN_SUFFIXES and not path.is_dir():
                path.unlink()
    shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def explain_os_error(path: Path, option: str = "--results") -> Iterator[None]:
    """Turn an OSError of the block into a ResultsError that names the option by which `path` was chosen."""
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"{error.filename or path}: {error.strerror}; choose a folder you can write with {option}"
        ) from error


def overwrite(path: Path, text: str) -> None:
    """Overwrite a file in place, which a full disk allows; an interruption leaves a damaged file."""
    with path.open("r+", encoding="utf-8") as file:
        file.write(text)
        file.truncate()


def explain_unwritable(folder: Path) -> str | None:
    """Return why nothing can be written into a folder, or None if it can be written or does not exist yet."""
    try:
        system = os.statvfs(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        return str(error.strerror)
    if not os.access(folder, os.W_OK):
        return "read-only file system" if system.f_flag & os.ST_RDONLY else "permission denied"
    return None if system.f_bavail else "no space left on its file system"
