"""What is left of a plan, in what order, to which executor.

In: the ledger's entries, an executor's name and options. Out: an Outcome as each run starts and ends. Every run ends
in exactly one state on disk, also when its worker cannot write it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dcbench import rooms
from dcbench.errors import ClaimedError, ResultsError
from dcbench.executors import EXIT_CLAIMED, EXIT_DONE, EXIT_STOPPED, Options
from dcbench.ledger import Entry
from dcbench.rundir import STOPPED, RunDir, State


@dataclass(frozen=True)
class Outcome:
    """A planned run that has just started or ended, with its state then."""

    folder: RunDir
    state: State
    ended: bool = True


def left(entries: list[Entry], redo: bool) -> list[Entry]:
    """The runs to do, in the plan's order: not done, skipped or running elsewhere; with `redo` only not the last."""
    done = () if redo else ("done", "skipped")
    return [entry for entry in entries if entry.state.name not in (*done, "running")]


def run(todo: list[Entry], executor: str, options: Options) -> Iterator[Outcome]:
    """Do these runs; closing the iterator stops the workers, and their runs are pending again."""
    ready, refused = _prepare(todo)
    yield from refused
    problems = {name: fetch(name, options.data_dir) for name in dict.fromkeys(entry.spec.dataset for entry in ready)}
    for entry in ready:
        if problem := problems[entry.spec.dataset]:
            yield Outcome(entry.folder, _record(entry.folder, State("failed", "error", problem)))
    paths = [entry.folder.path for entry in ready if problems[entry.spec.dataset] is None]
    if not paths:
        return
    before = {path: RunDir(path).state() for path in paths}
    events = rooms.load("executors", executor).execute(paths, options)
    started: set[Path] = set()
    try:
        for event in events:
            folder = RunDir(event.run)
            if event.exit_code is None:
                started.add(event.run)
                yield Outcome(folder, State("running"), ended=False)
            else:
                started.remove(event.run)
                yield Outcome(folder, _settle(folder, event.exit_code, before[event.run]))
    finally:
        events.close()
        for path in started:  # killed in the middle of a long computation, before it could say so
            if RunDir(path).state().kind == "lost":
                _record(RunDir(path), STOPPED)


def _prepare(todo: list[Entry]) -> tuple[list[Entry], list[Outcome]]:
    """Make the run folders; one that belongs to another run is refused and left as it is."""
    ready, refused = [], []
    for entry in todo:
        try:
            entry.folder.prepare(entry.spec)
            ready.append(entry)
        except ResultsError as error:
            refused.append(Outcome(entry.folder, State("failed", "error", str(error))))
    return ready, refused


def fetch(dataset: str, data_dir: Path) -> str | None:
    """Download a dataset that is not there, its progress bar on this terminal; why it failed, or None."""
    files = rooms.facts("datasets", dataset).get("files", [])
    if all((data_dir / file).exists() for file in files):
        return None
    command = [sys.executable, "-m", "dcbench.datasets", dataset, str(data_dir)]
    fetched = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return None if fetched.returncode == 0 else fetched.stdout.strip() or f"{dataset}: the download failed"


def _settle(folder: RunDir, exit_code: int, before: State) -> State:
    """The state that an ended worker left, or the one that its end deserves."""
    state = folder.state()
    if exit_code in (EXIT_DONE, EXIT_CLAIMED, EXIT_STOPPED):
        return state
    if state.kind == "lost" or state == before:
        how = f"was killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"ended with code {exit_code}"
        return _record(folder, State("failed", "crash", f"its process {how}; see {folder.log_file}"))
    return state


def _record(folder: RunDir, state: State) -> State:
    """Put the state on disk unless the run is finished or somebody works on it; the user is told in any case."""
    with suppress(OSError, ClaimedError), folder.claim(patience=0):
        if folder.state().name not in ("done", "skipped"):
            folder.set_state(state)
    return state
