"""Runs while they go on: a live table on a terminal, plain lines on a pipe, and how the matrix stands at the end."""

from __future__ import annotations

import signal
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dcbench import screens
from dcbench.executors import Options
from dcbench.ledger import Entry
from dcbench.rundir import MatrixDir, RunDir
from dcbench.scheduler import Outcome


def watch(outcomes: Iterator[Outcome], entries: list[Entry], todo: list[Entry], options: Options) -> bool:
    """Say what will be done, and show runs as they start and end; False when Ctrl-C stopped them."""
    board = Board(entries, todo)
    try:
        with _ctrl_c_is_answered():
            _show_start(len(todo), options)
            if screens.console.is_terminal:
                with Live(get_renderable=board.table, console=screens.console, refresh_per_second=4):
                    for outcome in outcomes:
                        board.take(outcome)
            else:
                for outcome in outcomes:
                    board.take(outcome)
                    if outcome.ended:
                        print(board.line(outcome), flush=True)
    except KeyboardInterrupt:
        outcomes.close()  # type: ignore[attr-defined]
        return False
    return True


def wait(outcomes: Iterator[Outcome]) -> bool:
    """Let runs go on without a word, for programs that want JSON alone; False when Ctrl-C stopped them."""
    try:
        deque(outcomes, maxlen=0)
    except KeyboardInterrupt:
        outcomes.close()  # type: ignore[attr-defined]
        return False
    return True


@contextmanager
def _ctrl_c_is_answered() -> Iterator[None]:
    """Say at once that Ctrl-C was heard: stopping a worker in a long computation takes seconds."""

    def answer(number: int, frame: FrameType | None) -> None:
        screens.console.print("stopping the workers ...")
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _show_start(count: int, options: Options) -> None:
    """What will happen, and where."""
    if count:
        where = f"{len(options.gpus)} GPU{'s' if len(options.gpus) > 1 else ''}" if options.gpus else "the CPU"
        screens.console.print(
            f"{count} runs to do on {where}: {options.jobs} at once, {screens.many(options.threads, 'thread')} each"
        )


def show_end(counts: dict[str, int], folder: MatrixDir, stopped: bool, command: str) -> None:
    """How the matrix stands after a run, and how to go on."""
    screens.console.print(f"{sum(counts.values())} planned: {screens.told(counts)}")
    if stopped:
        screens.console.print(f"stopped; go on with: {escape(command)}")
    elif counts["failed"]:
        screens.console.print(f"reasons: dcbench status {escape(str(folder.path))}")
    if counts["done"]:
        screens.console.print(f"report: dcbench report {escape(str(folder.path))}")


class Board:
    """The state of the runs as far as this process has seen it."""

    def __init__(self, entries: list[Entry], todo: list[Entry]) -> None:
        self.states = {entry.folder.path: entry.state for entry in entries}
        self.epochs = {entry.folder.path: entry.spec.epochs for entry in entries}
        self.running: dict[Path, float] = {}
        self.todo, self.ended = len(todo), 0
        self.start = time.monotonic()

    def take(self, outcome: Outcome) -> None:
        """Note that a run has started or ended."""
        path = outcome.folder.path
        self.states[path] = outcome.state
        if outcome.ended:
            self.running.pop(path, None)
            self.ended += 1
        else:
            self.running[path] = time.monotonic()

    def line(self, outcome: Outcome) -> str:
        """What a pipe is told of a run that has ended."""
        state = outcome.state
        words = [f"[{self.ended}/{self.todo}]", state.name, outcome.folder.path.name]
        words += [f"{state.seconds:.1f} s"] if state.seconds is not None else []
        words += [f"({state.kind}) {state.reason}"] if state.name == "failed" else [state.reason]
        words += ["elsewhere"] if state.name == "running" else []
        return " ".join(words).rstrip()

    def table(self) -> RenderableType:
        """What a terminal shows now: the last that failed, what runs and at which epoch, and how many are left."""
        running = Table(box=None, pad_edge=False, show_header=False)
        for path, since in list(self.running.items()):
            epoch = f"epoch {RunDir(path).epochs_done()}/{self.epochs[path]}"
            running.add_row(path.name, epoch, f"{time.monotonic() - since:.0f} s")
        failed = [
            Text(f"failed: {path.name}: {state.reason}", style="red")
            for path, state in self.states.items()
            if state.name == "failed"
        ]
        return Group(*failed[-5:], running, Text(self._summary()))

    def _summary(self) -> str:
        tally = Counter(state.name for state in self.states.values())
        spent = time.monotonic() - self.start
        left = self.todo - self.ended
        rest = f", about {screens.duration(spent / self.ended * left)} left" if self.ended and left else ""
        told = [f"{tally['done']} done", f"{len(self.running)} running", f"{tally['failed']} failed"]
        return f"{', '.join(told)}, {left - len(self.running)} left to start; {screens.duration(spent)}{rest}"
