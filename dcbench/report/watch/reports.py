"""The reports of a results folder, written anew when what they are made of changes.

In: a results folder, and a function that writes one matrix's report. Out: what there is to tell, a line at a time, and
in `shown` how each matrix stands, for the pages. Nothing that is wrong with one matrix ends the watch.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from joblib import parallel_config
from threadpoolctl import threadpool_limits

from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.run_state import STATES
from dcbench.errors import DcbenchError, ResultsError
from dcbench.report import Written
from dcbench.report.watch.marks import Mark, look_at

GONE = "its results are gone; the report is the last one there was"


@dataclass(frozen=True)
class Shown:
    """A matrix as the index shows it: its runs by state, when its report was written, what is wrong with it."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    written: str = ""
    problem: str = ""
    writing: bool = False

    @property
    def states(self) -> list[tuple[str, int]]:
        """The states that runs are in, with how many are."""
        return [(state, self.counts[state]) for state in STATES if self.counts[state]]


@dataclass(frozen=True)
class Told:
    """A line for the terminal."""

    text: str
    wrong: bool = False


class Reports:
    """The reports under `out` of the matrices under `path`, and how each stands.

    One thread looks and writes; others may read `shown` and `problem`, which are replaced and never changed.
    """

    def __init__(self, path: Path, out: Path, write: Callable[[MatrixDir], Written]) -> None:
        self.path, self.out, self.write = path, out, write
        self.shown: dict[str, Shown] = {}
        self.problem = ""
        self.marks: dict[str, Mark] = {}

    def page(self, name: str) -> Path:
        """A matrix's page on disk."""
        return self.out / name / "index.html"

    def follow(self, every: float) -> Iterator[Told]:
        """Look again and again; between two looks rest `every` seconds, and never less than the last one took."""
        while True:
            began = time.monotonic()
            yield from self.look()
            time.sleep(max(every, time.monotonic() - began))

    def look(self) -> Iterator[Told]:
        """Write the report of every matrix that has changed since the look before."""
        folders, problem = self._folders()
        if problem and problem != self.problem:
            yield Told(f"{problem}; waiting for that", wrong=True)
        self.problem = problem
        for name in self.shown.keys() - folders.keys():
            yield from self._fail(name, GONE)
        for name, folder in folders.items():
            yield from self._refresh(name, folder)

    def _folders(self) -> tuple[dict[str, MatrixDir], str]:
        """The matrices by name, or why there are none."""
        try:
            return {
                folder.path.resolve().name: folder
                for folder in status.check_distinct_names(status.find_matrix_dirs(self.path))
            }, ""
        except (ResultsError, OSError) as error:
            return {}, str(error)

    def _refresh(self, name: str, folder: MatrixDir) -> Iterator[Told]:
        """Write a matrix's report if it would come out another than the last, or could not be written then."""
        before = self.shown.get(name, Shown(name))
        try:
            mark = look_at(folder, self.marks.get(name))
            if mark == self.marks.get(name) and not before.problem and self.page(name).exists():
                return
            self.marks[name] = mark  # of before the writing: what changes meanwhile is seen at the next look
            self._show(replace(before, writing=not before.problem))
            written = self._write(folder)
        except Exception as error:  # whatever is wrong with one matrix, the others go on
            yield from self._fail(name, _in_words(error, folder))
            return
        shown = Shown(name, written.counts, time.strftime("%H:%M:%S"))
        self._show(shown)
        yield Told(f"{shown.written} {name}: {', '.join(f'{count} {state}' for state, count in shown.states)}")

    def _write(self, folder: MatrixDir) -> Written:
        """Write the report on one core: training runs want the others."""
        with parallel_config("sequential"), threadpool_limits(1):
            return self.write(folder)

    def _fail(self, name: str, problem: str) -> Iterator[Told]:
        before = self.shown.get(name, Shown(name))
        self._show(replace(before, problem=problem, writing=False))
        if problem != before.problem:
            yield Told(f"{name}: {problem}", wrong=True)

    def _show(self, shown: Shown) -> None:
        self.shown = self.shown | {shown.name: shown}


def _in_words(error: Exception, folder: MatrixDir) -> str:
    if isinstance(error, DcbenchError):
        return str(error)
    return f"{type(error).__name__}: {error}; `dcbench report {folder.path}` shows where"
