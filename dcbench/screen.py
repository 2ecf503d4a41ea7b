"""What a person sees on the terminal: plans, states, a live table while runs go on; plain lines on a pipe."""

from __future__ import annotations

import math
import signal
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dcbench.audit import Audit
from dcbench.columns import COLUMNS
from dcbench.executors import Options
from dcbench.health import health
from dcbench.ledger import Change, Entry
from dcbench.matrix import Plan
from dcbench.replay import Original, Replayed
from dcbench.rundir import STATES, MatrixDir, RunDir, State
from dcbench.scheduler import Outcome
from dcbench.spec import RunSpec, shown
from dcbench.verdict import Beside, Difference, Verdict

STEPS = {
    "product": "product and zip",
    "exclude": "after exclude",
    "include": "after include",
    "overrides": "after overrides",
    "seeds": "times seeds",
    "duplicates": "duplicates dropped",
}
SHOWN = 4
"""Columns of the first row that differs that are told one by one."""
HEALTH_COLOURS = {"healthy": "green", "degenerate": "yellow", "collapsed": "red"}
COLOURS = {"pending": "dim", "running": "cyan", "done": "green", "failed": "red", "skipped": "yellow"}

console = Console(highlight=False, soft_wrap=True)


def show_plan(plan: Plan, folder: MatrixDir, counts: dict[str, int]) -> None:
    """The count after each step, the axes, and how the runs stand."""
    beside = f" and {len(plan.baselines)} baselines" if plan.baselines else ""
    console.print(f"[bold]{escape(plan.name)}[/bold]: {plan.cells} cells, {len(plan.runs)} runs{beside}")
    steps = Table("step", box=None, pad_edge=False)
    steps.add_column("count", justify="right")
    for name, count in plan.steps.items():
        steps.add_row(STEPS[name], str(count))
    console.print(steps)
    axes = Table("axis", "values", box=None, pad_edge=False)
    for name, values in plan.axes.items():
        axes.add_row(name, escape(", ".join(shown(value) for value in values)))
    console.print(axes)
    console.print(f"{counts['done']} of {len(plan.planned)} done in {escape(str(folder.path))} ({_told(counts)})")


def show_change(change: Change) -> None:
    """What a changed matrix keeps, adds and no longer plans; nothing when it is the same."""
    if change.kept and (change.added or change.dropped):
        console.print(
            f"the matrix has changed: {change.kept} runs kept, {change.added} new, {change.dropped} no longer planned "
            "(their folders stay and are left out of the report)"
        )


def _show_start(count: int, options: Options) -> None:
    """What will happen, and where."""
    if count:
        where = f"{len(options.gpus)} GPU{'s' if len(options.gpus) > 1 else ''}" if options.gpus else "the CPU"
        console.print(f"{count} runs to do on {where}: {options.jobs} at once, {_many(options.threads, 'thread')} each")


def show_states(name: str, entries: list[Entry]) -> None:
    """Every planned run with its state."""
    width = max(len(entry.folder.path.name) for entry in entries)
    for entry in entries:
        run = escape(entry.folder.path.name.ljust(width))
        console.print(f"{run}  {_styled(entry.state)}  {escape(entry.state.reason)}".rstrip())
    tally = Counter(entry.state.name for entry in entries)
    console.print(f"[bold]{escape(name)}[/bold]: {len(entries)} planned ({_told(tally)})")


def show_audit(found: Audit) -> None:
    """The axes, and every check that a run failed.

    Of the matched pairs of an axis: in how many what it did differs, what came out differs, and the random numbers
    that must be common are.
    """
    console.print(f"[bold]{escape(found.name)}[/bold]: {_many(found.runs, 'run')} audited")
    table = Table("axis", box=None, pad_edge=False)
    for head in ("pairs", "acted", "outcome", "common"):
        table.add_column(head, justify="right")
    table.add_column("verdict", overflow="fold")
    for axis in found.axes:
        counts = (axis.pairs, axis.witness, axis.outcome, axis.common if axis.must_share else "none due")
        colour = "red" if axis.verdict in ("does nothing", "confounded") else "green" if axis.pairs else "yellow"
        table.add_row(escape(axis.name), *map(str, counts), f"[{colour}]{escape(axis.told)}[/]")
    console.print(table)
    for problem in found.problems:
        console.print(f"[red]failed[/] {escape(problem.check)}: {escape(problem.run)}: {escape(problem.told)}")
    for note in found.notes:
        console.print(f"[yellow]note[/] {escape(note)}")
    if not found.problems:
        console.print("every check of every run passed" if found.runs else "no finished run to check")


def show_run(folder: RunDir, spec: RunSpec, state: State) -> None:
    """One run: its state, and the fields that its identity is made of."""
    console.print(f"[bold]{escape(folder.path.name)}[/bold]", _styled(state), escape(state.reason))
    if state.name == "running":
        console.print(f"epoch {folder.epochs_done()} of {spec.epochs}")
    table = Table("field", "value", "default", box=None, pad_edge=False)
    for name, value in spec.model_dump().items():
        default = RunSpec.model_fields[name].default
        table.add_row(name, escape(shown(value)), "" if value == default else escape(shown(default)))
    console.print(table)
    console.print(f"log: {escape(str(folder.log_file))}")


SCORES = ("nmi_true", "cluster_accuracy", "test_refit_nmi_true", "test_refit_cluster_accuracy")


def show_score(rows: list[dict[str, str]], spec: RunSpec) -> None:
    """A finished run's last row beside its own untrained network, and its health."""
    table = Table("score", box=None, pad_edge=False)
    for head in ("untrained", "last row", "change"):
        table.add_column(head, justify="right")
    for name in SCORES:
        if rows[0].get(name) and rows[-1].get(name):
            first, last = float(rows[0][name]), float(rows[-1][name])
            table.add_row(COLUMNS[name].label, f"{first:.3f}", f"{last:.3f}", f"{last - first:+.3f}")
    console.print(table)
    found = health(rows, spec.k)
    console.print(f"health: [{HEALTH_COLOURS[found.state]}]{escape(str(found))}[/]")


def show_made_with(facts: dict[str, Any]) -> None:
    """Where and with what a run was made; nothing when that is not recorded."""
    threads = f", {_many(facts['threads'], 'thread')}" if "threads" in facts else ""
    place = [str(facts[name]) for name in ("device", "cpu", "platform") if name in facts]
    tools = [f"{name} {value}" for name, value in facts.items() if name not in ("device", "cpu", "platform", "threads")]
    for told in (f"made on: {', '.join(place)}{threads}", f"made with: {', '.join(tools)}") if facts else ():
        console.print(escape(told))


def show_beside(ours: RunDir, theirs: RunDir, found: Beside) -> None:
    """What two runs differ in: identity, what they were made with, figures."""
    console.print(f"RUN    {escape(str(ours.path))}\nOTHER  {escape(str(theirs.path))}")
    _show_changed("identity", found.identity, ("RUN", "OTHER"))
    if found.made_with is None:
        console.print("made with: not recorded for both (no provenance.json)")
    else:
        _show_changed("made with", found.made_with, ("RUN", "OTHER"))
    if found.metrics is None:
        console.print("metrics: none yet in one of the two")
    else:
        _show_verdict("metrics", found.metrics)


def show_replayed(run: Original, told: Replayed) -> None:
    """How each replay came out, how they stand to each other, and what a difference points at."""
    console.print(f"[bold]{escape(run.spec.run_id)}[/bold]")
    for number, replay in enumerate(told.replays, 1):
        if replay.verdict is None:
            console.print(f"replay {number}:", _styled(replay.state), escape(replay.state.reason))
        else:
            _show_verdict(f"replay {number}", replay.verdict)
    for number, found in enumerate(told.among if not told.reproduced else (), 2):
        _show_verdict(f"replay {number} beside replay 1", found)
    if told.changed:
        _show_changed("made with", told.changed, ("original", "replay"))
    if run.record.clusters is None:
        console.print("no assignments.npz in the original's folder: last assignments were not compared with it")
    if told.conclusion:
        console.print(escape(told.conclusion))


def _show_changed(what: str, found: dict[str, tuple[Any, Any]], sides: tuple[str, str]) -> None:
    if not found:
        console.print(f"{what}: the same")
        return
    console.print(f"{what}: {_many(len(found), 'difference')}")
    table = Table("", *sides, box=None, pad_edge=False)
    for name, values in found.items():
        table.add_row(name, *(escape(shown(value)) for value in values))
    console.print(table)


def _show_verdict(what: str, verdict: Verdict) -> None:
    colour = "red" if verdict.name == "different" else "green"
    images = f" and the clusters of {verdict.images} images" if verdict.images else ""
    console.print(f"{what}: [{colour}]{verdict}[/] ({verdict.figures} figures in {_many(verdict.rows, 'row')}{images})")
    for line in _details(verdict):
        console.print(f"  {escape(line)}")


def _details(verdict: Verdict) -> list[str]:
    """The first row that differs, the largest difference elsewhere, the images that moved, the columns left out."""
    first = sorted(
        (found for found in verdict.differences if found.row == verdict.first), key=lambda found: -found.size
    )
    lines = [_difference(found) for found in first[:SHOWN]]
    lines += [f"row {verdict.first}: {_many(len(first) - SHOWN, 'more column')}"] if len(first) > SHOWN else []
    lines += [
        f"from row {row} on also: {', '.join(names)}" for row, names in verdict.starts.items() if row != verdict.first
    ]
    if verdict.beyond not in (None, verdict.first):
        lines.append(f"by more than {verdict.tolerance:g} from row {verdict.beyond} on")
    if verdict.largest and verdict.largest.row != verdict.first:
        lines.append(f"largest: {_difference(verdict.largest)}")
    if verdict.moved:
        lines.append(f"last assignment: {verdict.moved} of {verdict.images} images in another cluster")
    if verdict.not_compared:
        lines.append(f"not compared, since only one has them: {_first_of(verdict.not_compared)}")
    return lines


def _first_of(names: list[str]) -> str:
    rest = len(names) - 2 * SHOWN
    return ", ".join(names[: 2 * SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _difference(found: Difference) -> str:
    size = f" (by {found.size:.2g})" if math.isfinite(found.size) else ""
    return f"row {found.row}: {found.column} {found.ours or 'nothing'} -> {found.theirs or 'nothing'}{size}"


def show_end(counts: dict[str, int], folder: MatrixDir, stopped: bool, command: str) -> None:
    """How the matrix stands after a run, and how to go on."""
    console.print(f"{sum(counts.values())} planned: {_told(counts)}")
    if stopped:
        console.print(f"stopped; go on with: {escape(command)}")
    elif counts["failed"]:
        console.print(f"reasons: dcbench status {escape(str(folder.path))}")
    if counts["done"]:
        console.print(f"report: dcbench report {escape(str(folder.path))}")


def watch(outcomes: Iterator[Outcome], entries: list[Entry], todo: list[Entry], options: Options) -> bool:
    """Say what will be done, and show runs as they start and end; False when Ctrl-C stopped them."""
    board = _Board(entries, todo)
    try:
        with _ctrl_c_is_answered():
            _show_start(len(todo), options)
            if console.is_terminal:
                with Live(get_renderable=board.table, console=console, refresh_per_second=4):
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
        console.print("stopping the workers ...")
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Board:
    """The state of the runs as far as this process has seen it."""

    def __init__(self, entries: list[Entry], todo: list[Entry]) -> None:
        self.states = {entry.folder.path: entry.state for entry in entries}
        self.epochs = {entry.folder.path: entry.spec.epochs for entry in entries}
        self.running: dict[Path, float] = {}
        self.todo, self.ended = len(todo), 0
        self.start = time.monotonic()

    def take(self, outcome: Outcome) -> None:
        path = outcome.folder.path
        self.states[path] = outcome.state
        if outcome.ended:
            self.running.pop(path, None)
            self.ended += 1
        else:
            self.running[path] = time.monotonic()

    def line(self, outcome: Outcome) -> str:
        state = outcome.state
        words = [f"[{self.ended}/{self.todo}]", state.name, outcome.folder.path.name]
        words += [f"{state.seconds:.1f} s"] if state.seconds is not None else []
        words += [f"({state.kind}) {state.reason}"] if state.name == "failed" else [state.reason]
        words += ["elsewhere"] if state.name == "running" else []
        return " ".join(words).rstrip()

    def table(self) -> RenderableType:
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
        rest = f", about {_duration(spent / self.ended * left)} left" if self.ended and left else ""
        told = [f"{tally['done']} done", f"{len(self.running)} running", f"{tally['failed']} failed"]
        return f"{', '.join(told)}, {left - len(self.running)} left to start; {_duration(spent)}{rest}"


def _told(counts: dict[str, int] | Counter[Any]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in STATES if counts[name]) or "none"


def _styled(state: State) -> str:
    kind = f" ({state.kind})" if state.kind else ""
    return f"[{COLOURS[state.name]}]{state.name}{kind}[/]"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
