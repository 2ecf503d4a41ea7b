"""Show the progress of runs: a live table on a terminal, plain lines on a pipe, and a summary at the end."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dcbench import registry
from dcbench.core import console
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.status import PlannedRun
from dcbench.core.text import format_duration, plural
from dcbench.execution.scheduler import Notice, RunEvent, SchedulerSettings
from dcbench.execution.scheduler.history import get_cost_key


def watch(
    events: Iterable[RunEvent | Notice],
    entries: list[PlannedRun],
    todo: list[PlannedRun],
    settings: SchedulerSettings,
) -> None:
    """Print how many runs will be executed, and show events until the last one.

    `entries` are all planned runs and `todo` those to execute. The scheduler runs only while its events are read.
    """
    board = Board(entries, todo, settings)
    show_start(len(todo), settings)
    if console.stdout.is_terminal:
        with Live(get_renderable=board.render, console=console.stdout, refresh_per_second=4):
            for event in events:
                if isinstance(event, Notice):
                    console.stdout.print(escape(event.text))
                else:
                    board.update(event)
        return
    for event in events:
        # Plain print, because rich would wrap lines at 80 columns; flushed, because readers follow along.
        if isinstance(event, Notice):
            print(event.text, flush=True)
        else:
            board.update(event)
            if event.ended:
                print(board.format_end(event), flush=True)


def show_start(count: int, settings: SchedulerSettings) -> None:
    """Print how many runs will be executed, and where; nothing if there are none."""
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
    """Print the number of runs in each state, and the commands to continue with."""
    console.stdout.print(f"{sum(counts.values())} planned: {console.format_state_counts(counts)}")
    if stopped:
        console.stdout.print(f"stopped; continue with: {escape(command)}")
    elif counts["failed"]:
        console.stdout.print(f"reasons: dcbench status {escape(str(folder.path))}")
    if counts["done"]:
        folders = "".join(f" --plugins {shlex.quote(str(path))}" for path in registry.search_path())
        console.stdout.print(f"report: dcbench report {escape(str(folder.path) + folders)}")


class Board:
    """The states of the runs, from the scheduler's events; only the epoch of a live run is read from disk."""

    def __init__(self, entries: list[PlannedRun], todo: list[PlannedRun], settings: SchedulerSettings) -> None:
        self.settings = settings
        self.states = {entry.folder.path: entry.state for entry in entries}
        self.epochs = {entry.folder.path: entry.spec.epochs for entry in entries}
        self.keys = {entry.folder.path: get_cost_key(entry.spec) for entry in todo}
        self.waiting = Counter(self.keys.values())
        self.running: dict[Path, float] = {}  # run -> time of its start
        self.todo, self.ended = len(todo), 0
        self.start = time.monotonic()

    def update(self, event: RunEvent) -> None:
        """Note that a run has started, returned to the queue, or ended."""
        path = event.folder.path
        self.states[path] = event.state
        was_waiting = self.running.pop(path, None) is None
        if event.step == "started":
            self.running[path] = time.monotonic()
        self.waiting[self.keys[path]] += (event.step == "requeued") - was_waiting
        self.ended += event.ended

    def format_end(self, event: RunEvent) -> str:
        """Return the line for a run that has ended."""
        state = event.state
        words = [f"[{self.ended}/{self.todo}]", state.name, event.folder.path.name]
        words += [f"{state.seconds:.1f} s"] if state.seconds is not None else []
        words += [f"({state.kind}) {state.reason}"] if state.name == "failed" else [state.reason]
        return " ".join(words).rstrip()

    def render(self) -> RenderableType:
        """Return the live table: the latest failures, each live run with its epoch, and the counts."""
        running = Table(box=None, pad_edge=False, show_header=False)
        # A copy, because rich renders in another thread while events change the dictionary.
        for path, start in list(self.running.items()):
            epoch = f"epoch {RunDir(path).count_epochs_done()}/{self.epochs[path]}"
            expected = self.settings.history.predict(self.keys[path]).seconds
            total = "" if expected is None else f" of about {format_duration(expected)}"
            running.add_row(path.name, epoch, f"{time.monotonic() - start:.0f} s{total}")
        failed = [
            Text(f"failed: {path.name}: {state.reason}", style="red")
            for path, state in self.states.items()
            if state.name == "failed"
        ]
        counts = Counter(state.name for state in self.states.values())
        to_start = self.todo - self.ended - len(self.running)
        seconds = self.estimate_seconds_left()
        summary = (
            f"{counts['done']} done, {len(self.running)} running, {counts['failed']} failed, {to_start} left to start; "
            f"{format_duration(time.monotonic() - self.start)}"
        )
        if seconds is not None:
            summary += f", about {format_duration(seconds)} left"
        return Group(*failed[-5:], running, Text(summary))

    def estimate_seconds_left(self) -> float | None:
        """Return the seconds until the last run ends; None before the first end if nothing is predicted."""
        now, predict = time.monotonic(), self.settings.history.predict
        waiting = [(predict(key).seconds, count) for key, count in self.waiting.items() if count]
        running = [(predict(self.keys[path]).seconds, start) for path, start in list(self.running.items())]
        if any(seconds is None for seconds, _ in waiting + running):
            # Without a prediction for every run, assume that the rest take as long as those that have ended.
            elapsed, runs_left = now - self.start, self.todo - self.ended
            return elapsed / self.ended * runs_left if self.ended and runs_left else None
        # With predictions: as many runs at once as now, and never less than the longest of the live runs.
        remaining = [max(0.0, (seconds or 0.0) - (now - start)) for seconds, start in running]
        work = sum(remaining) + sum((seconds or 0.0) * count for seconds, count in waiting)
        return max(work / max(1, len(running)), *remaining, 0.0) if work else None
