"""Keep the reports of a results folder up to date: write a report again when its results change.

An error in one matrix does not end the watch.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from joblib import parallel_config
from threadpoolctl import threadpool_limits

from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.run_state import STATES
from dcbench.core.store.status import check_distinct_names, find_matrix_dirs
from dcbench.errors import DcbenchError, ResultsError
from dcbench.report.watch.fingerprint import Fingerprint, take_fingerprint
from dcbench.report.writing import WrittenReport

RESULTS_REMOVED = "the results were removed; this is the last report of them"


@dataclass(frozen=True, kw_only=True)
class ReportStatus:
    """The report of a matrix as the index shows it.

    Attributes:
        counts: How many runs are in each state.
        written: When the report was written, as text; empty before the first one.
        problem: Why the newest results have no report.
        is_writing: Whether the report is being written.
    """

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    written: str = ""
    problem: str = ""
    is_writing: bool = False

    @property
    def states(self) -> list[tuple[str, int]]:
        """The states that runs are in, in order, with their counts."""
        return [(state, self.counts[state]) for state in STATES if self.counts[state]]


@dataclass(frozen=True, kw_only=True)
class Message:
    """A line for the terminal."""

    text: str
    is_error: bool = False


class Reports:
    """The reports under `out` of the matrices under `path`.

    One thread refreshes them. Others may read `statuses` and `problem`, which are replaced and never changed in place.
    """

    def __init__(self, path: Path, out: Path, write: Callable[[MatrixDir], WrittenReport]) -> None:
        self.path, self.out, self.write = path, out, write
        self.statuses: dict[str, ReportStatus] = {}
        self.problem = ""
        self.fingerprints: dict[str, Fingerprint] = {}

    def page(self, name: str) -> Path:
        """Return the path of a matrix's page."""
        return self.out / name / "index.html"

    def follow(self, interval: float) -> Iterator[Message]:
        """Refresh the reports forever, and rest `interval` seconds in between, but never less than the work took."""
        while True:
            start = time.monotonic()
            yield from self.refresh()
            time.sleep(max(interval, time.monotonic() - start))

    def refresh(self) -> Iterator[Message]:
        """Write the report of every matrix that has changed since the last refresh."""
        folders, problem = {}, ""
        try:
            matrices = check_distinct_names(find_matrix_dirs(self.path))
            folders = {folder.path.resolve().name: folder for folder in matrices}
        except (ResultsError, OSError) as error:
            problem = str(error)
        if problem and problem != self.problem:
            yield Message(text=f"{problem}; waiting until this changes", is_error=True)
        self.problem = problem
        for name in self.statuses.keys() - folders.keys():
            yield from self._record_problem(name, RESULTS_REMOVED)
        for name, folder in folders.items():
            yield from self._refresh_report(name, folder)

    def _refresh_report(self, name: str, folder: MatrixDir) -> Iterator[Message]:
        """Write a matrix's report if it would differ from the last one, or if that could not be written."""
        status = self.statuses.get(name, ReportStatus(name=name))
        try:
            fingerprint = take_fingerprint(folder, self.fingerprints.get(name))
            if fingerprint == self.fingerprints.get(name) and not status.problem and self.page(name).exists():
                return
            # Taken before the writing, so that a change during it is noticed at the next refresh.
            self.fingerprints[name] = fingerprint
            self._set_status(replace(status, is_writing=not status.problem))
            # Training runs need the other cores.
            with parallel_config("sequential"), threadpool_limits(1):
                written = self.write(folder)
        except Exception as error:  # whatever is wrong with one matrix must not stop the others
            is_ours = isinstance(error, DcbenchError)
            unknown = f"{type(error).__name__}: {error}; run `dcbench report {folder.path}` to see where"
            yield from self._record_problem(name, str(error) if is_ours else unknown)
            return
        status = ReportStatus(name=name, counts=written.counts, written=time.strftime("%H:%M:%S"))
        self._set_status(status)
        yield Message(
            text=f"{status.written} {name}: {', '.join(f'{count} {state}' for state, count in status.states)}"
        )

    def _record_problem(self, name: str, problem: str) -> Iterator[Message]:
        """Show a problem on the pages, and yield it the first time."""
        status = self.statuses.get(name, ReportStatus(name=name))
        self._set_status(replace(status, problem=problem, is_writing=False))
        if problem != status.problem:
            yield Message(text=f"{name}: {problem}", is_error=True)

    def _set_status(self, status: ReportStatus) -> None:
        self.statuses = self.statuses | {status.name: status}
