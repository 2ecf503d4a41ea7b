"""Runs while they go on: a live table on a terminal, plain lines on a pipe, and how the matrix stands at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dcbench.core import console
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.status import PlannedRun
from dcbench.core.text import format_duration, plural
from dcbench.execution.scheduler import Notice, RunEvent, SchedulerSettings
from dcbench.execution.scheduler.history import key_of


def watch(
    outcomes: Iterable[RunEvent | Notice],
    entries: list[PlannedRun],
    todo: list[PlannedRun],
    settings: SchedulerSettings,
) -> None:
    """Say what will be done, and show runs as they start and end."""
    board = Board(entries, todo, settings)
    _show_start(len(todo), settings)
    if console.stdout.is_terminal:
        with Live(get_renderable=board.table, console=console.stdout, refresh_per_second=4):
            for outcome in outcomes:
                if isinstance(outcome, Notice):
                    console.stdout.print(escape(outcome.text))
                else:
                    board.take(outcome)
        return
    for outcome in outcomes:
        if isinstance(outcome, Notice):
            print(outcome.text, flush=True)
        else:
            board.take(outcome)
            if outcome.ended:
                print(board.line(outcome), flush=True)


def _show_start(count: int, settings: SchedulerSettings) -> None:
    """What will happen, and where."""
    if not count:
        return
    config, pool = settings.config, settings.pool
    where = plural(len(pool.devices), "GPU") if pool.on_gpus else "the CPU"
    if pool.on_gpus and config.jobs > len(pool.devices):
        how = f"as many at once as fit, at most {config.jobs}"
    else:
        how = f"{config.jobs} at once, {plural(config.threads, 'thread')} each"
    console.stdout.print(f"{plural(count, 'run')} to do on {where}: {how}")


def show_end(counts: dict[str, int], folder: MatrixDir, stopped: bool, command: str) -> None:
    """How the matrix stands after a run, and how to go on."""
    console.stdout.print(f"{sum(counts.values())} planned: {console.format_state_counts(counts)}")
    if stopped:
        console.stdout.print(f"stopped; go on with: {escape(command)}")
    elif counts["failed"]:
        console.stdout.print(f"reasons: dcbench status {escape(str(folder.path))}")
    if counts["done"]:
        console.stdout.print(f"report: dcbench report {escape(str(folder.path))}")


class Board:
    """The state of the runs as far as this process has seen it."""

    def __init__(self, entries: list[PlannedRun], todo: list[PlannedRun], settings: SchedulerSettings) -> None:
        self.at = settings
        self.states = {entry.folder.path: entry.state for entry in entries}
        self.epochs = {entry.folder.path: entry.spec.epochs for entry in entries}
        self.keys = {entry.folder.path: key_of(entry.spec) for entry in todo}
        self.waiting = Counter(self.keys.values())
        self.running: dict[Path, float] = {}
        self.todo, self.ended = len(todo), 0
        self.start = time.monotonic()

    def take(self, outcome: RunEvent) -> None:
        """Note that a run has started, waits again, or has ended."""
        path = outcome.folder.path
        self.states[path] = outcome.state
        was_waiting = self.running.pop(path, None) is None
        if outcome.step == "started":
            self.running[path] = time.monotonic()
        self.waiting[self.keys[path]] += (outcome.step == "again") - was_waiting
        self.ended += outcome.ended

    def line(self, outcome: RunEvent) -> str:
        """What a pipe is told of a run that has ended."""
        state = outcome.state
        words = [f"[{self.ended}/{self.todo}]", state.name, outcome.folder.path.name]
        words += [f"{state.seconds:.1f} s"] if state.seconds is not None else []
        words += [f"({state.kind}) {state.reason}"] if state.name == "failed" else [state.reason]
        return " ".join(words).rstrip()

    def table(self) -> RenderableType:
        """What a terminal shows now: the last that failed, what runs and at which epoch, and how many are left."""
        running = Table(box=None, pad_edge=False, show_header=False)
        for path, since in list(self.running.items()):
            epoch = f"epoch {RunDir(path).count_epochs_done()}/{self.epochs[path]}"
            expected = self.at.history.expect(self.keys[path]).seconds
            of = "" if expected is None else f" of about {format_duration(expected)}"
            running.add_row(path.name, epoch, f"{time.monotonic() - since:.0f} s{of}")
        failed = [
            Text(f"failed: {path.name}: {state.reason}", style="red")
            for path, state in self.states.items()
            if state.name == "failed"
        ]
        return Group(*failed[-5:], running, Text(self._summary()))

    def _summary(self) -> str:
        tally = Counter(state.name for state in self.states.values())
        left = self.todo - self.ended
        rest = self.rest()
        told = [f"{tally['done']} done", f"{len(self.running)} running", f"{tally['failed']} failed"]
        spent = format_duration(time.monotonic() - self.start)
        until = "" if rest is None else f", about {format_duration(rest)} left"
        return f"{', '.join(told)}, {left - len(self.running)} left to start; {spent}{until}"

    def rest(self) -> float | None:
        """Seconds until the last run ends: by what runs like these took, else by the pace so far; None at first."""
        now, expect = time.monotonic(), self.at.history.expect
        waiting = [(expect(key).seconds, count) for key, count in self.waiting.items() if count]
        running = [(expect(self.keys[path]).seconds, since) for path, since in list(self.running.items())]
        if any(seconds is None for seconds, _ in waiting + running):
            spent, left = now - self.start, self.todo - self.ended
            return spent / self.ended * left if self.ended and left else None
        remaining = [max(0.0, (seconds or 0.0) - (now - since)) for seconds, since in running]
        work = sum(remaining) + sum((seconds or 0.0) * count for seconds, count in waiting)
        return max(work / max(1, len(running)), *remaining, 0.0) if work else None
