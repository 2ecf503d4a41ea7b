"""Notice when the report of a matrix would change, by the times and sizes of files: cheap enough for every few seconds.

In: a matrix's folder and its fingerprint from the previous look. Out: a fingerprint, which equals the previous one as
long as the results would give the same report. Rows that a running run adds change nothing, since a report has finished
runs only. Pictures of runs are no part of it: they are linked when the report is next written.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.errors import ResultsError

FileStamp = tuple[int, int, int] | None
"""When a file was last changed (ns), its size (bytes) and its inode; None where there is no file."""


@dataclass(frozen=True, kw_only=True)
class RunFingerprint:
    """What a report depends on in the folder of one run.

    Attributes:
        state: The name of the run's state, or why it cannot be read.
        state_file: The stamp of the file that the state was read from.
        other_files: The stamps of what else counts of a run that is not running.
    """

    run: RunDir = field(compare=False)
    state: str
    state_file: FileStamp
    other_files: tuple[FileStamp, ...]


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What the report of a matrix depends on: the files that all runs share, and the folder of each run by its name."""

    shared: dict[Path, FileStamp]
    runs: dict[str, RunFingerprint]


def take_fingerprint(folder: MatrixDir, previous: Fingerprint | None) -> Fingerprint:
    """Return the fingerprint of a matrix."""
    parity = (folder.path.absolute().parent / "parity").glob("*.csv")
    with os.scandir(folder.path) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    old = previous.runs if previous else {}
    return Fingerprint(
        shared={path: _stamp(path) for path in (folder.matrix_file, folder.plugins_file, *parity)},
        runs={name: take_run_fingerprint(folder.run_dir(name), old.get(name)) for name in names},
    )


def take_run_fingerprint(run: RunDir, previous: RunFingerprint | None) -> RunFingerprint:
    """Return the fingerprint of a run; its state is read only where it may have changed."""
    # Stamped before the state is read, so that a change in between is noticed at the next look.
    state_file = _stamp(run.state_file)
    # When a running run dies, its file still says running. Only its claim tells, so its state is read each time.
    if previous and previous.state != "running" and previous.state_file == state_file:
        state = previous.state
    else:
        try:
            state = run.read_state().name
        except ResultsError as error:
            state = str(error)
    # The stamp of the folder changes when files are added or removed.
    other_files = () if state == "running" else (_stamp(run.metrics_file), _stamp(run.path))
    return RunFingerprint(run=run, state=state, state_file=state_file, other_files=other_files)


def _stamp(path: Path) -> FileStamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
