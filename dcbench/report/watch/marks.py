"""What would change a matrix's report, told by its files' times and sizes: cheap enough to look every few seconds.

In: a matrix's folder and the mark of the look before. Out: a mark that equals the other one as long as the results
would make the same report; pictures of runs are linked when it is next written. Rows that a running run adds change no
mark, since a report has finished runs only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.errors import ResultsError

Stamp = tuple[int, int, int] | None
"""Time of the last change (ns), size (bytes) and inode of a file; None where there is none."""


@dataclass(frozen=True)
class RunMark:
    """A run's state, the stamp of the file it was read from, and what else counts of a run that is not running."""

    run: RunDir = field(compare=False)
    state: str
    read_from: Stamp
    others: tuple[Stamp, ...] = ()


@dataclass(frozen=True)
class Mark:
    """The stamps of what all runs share, and the mark of each run folder."""

    shared: dict[Path, Stamp]
    runs: dict[str, RunMark]


def look_at(folder: MatrixDir, before: Mark | None) -> Mark:
    """The mark of a matrix; states are read again only where they may have changed."""
    parity = (folder.path.absolute().parent / "parity").glob("*.csv")
    with os.scandir(folder.path) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    known = before.runs if before else {}
    return Mark(
        {path: _stamp(path) for path in (folder.matrix_file, *parity)},
        {name: _again(known[name]) if name in known else _first(folder.run_dir(name)) for name in names},
    )


def _again(before: RunMark) -> RunMark:
    now = _stamp(before.run.state_file)
    if before.state == "running" or before.read_from != now:  # a running run's file does not tell its death
        return _first(before.run)
    return replace(before, others=_others(before.run))


def _first(run: RunDir) -> RunMark:
    now = _stamp(run.state_file)  # of before the reading: what is written meanwhile is seen at the next look
    state = _state(run)
    return RunMark(run, state, now, () if state == "running" else _others(run))


def _others(run: RunDir) -> tuple[Stamp, ...]:
    return _stamp(run.metrics_file), _stamp(run.path)  # the folder's: files were put in or removed


def _state(run: RunDir) -> str:
    try:
        return run.read_state().name
    except ResultsError as error:
        return str(error)


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
