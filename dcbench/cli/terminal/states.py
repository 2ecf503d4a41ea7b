"""How runs stand: every planned run, and one run with its identity, its scores and what it was made with."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

from rich.markup import escape
from rich.table import Table

from dcbench.audit.health import judge_health
from dcbench.core import console
from dcbench.core.columns import COLUMNS
from dcbench.core.spec import RunSpec, format_value
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.core.text import format_duration, plural
from dcbench.errors import ResultsError

HEALTH_COLOURS = {"healthy": "green", "degenerate": "yellow", "collapsed": "red"}

SCORES = ("nmi_true", "cluster_accuracy", "test_refit_nmi_true", "test_refit_cluster_accuracy")


def show_states(name: str, entries: list[PlannedRun]) -> None:
    """Every planned run with its state."""
    width = max(len(entry.folder.path.name) for entry in entries)
    for entry in entries:
        run = escape(entry.folder.path.name.ljust(width))
        console.stdout.print(f"{run}  {console.styled(entry.state)}  {escape(entry.state.reason)}".rstrip())
    tally = Counter(entry.state.name for entry in entries)
    console.stdout.print(f"[bold]{escape(name)}[/bold]: {len(entries)} planned ({console.told(tally)})")
    if timed := list_predictions(entries):
        foreseen, taken = (format_duration(sum(seconds)) for seconds in zip(*timed, strict=True))
        console.stdout.print(f"of {plural(len(timed), 'predicted run')}: {foreseen} predicted, {taken} taken")


def list_predictions(entries: list[PlannedRun]) -> list[tuple[float, float]]:
    """Seconds foreseen and taken of each run that was foreseen and done in one attempt."""
    found = []
    for entry in entries:
        if entry.state.name == "done" and entry.state.seconds is not None:
            with suppress(ResultsError):
                facts = entry.folder.read_provenance()
                seconds = facts.get("predicted_seconds")
                if isinstance(seconds, float) and "earlier_attempts" not in facts:
                    found.append((seconds, entry.state.seconds))
    return found


def show_run(folder: RunDir, spec: RunSpec, state: RunState) -> None:
    """One run: its state, and the fields that its identity is made of."""
    console.stdout.print(f"[bold]{escape(folder.path.name)}[/bold]", console.styled(state), escape(state.reason))
    if state.name == "running":
        console.stdout.print(f"epoch {folder.count_epochs_done()} of {spec.epochs}")
    table = Table("field", "value", "default", box=None, pad_edge=False)
    for name, value in spec.model_dump().items():
        default = RunSpec.model_fields[name].default
        table.add_row(name, escape(format_value(value)), "" if value == default else escape(format_value(default)))
    console.stdout.print(table)
    _show_cost(folder, state)
    console.stdout.print(f"log: {escape(str(folder.log_file))}")
    for line in state.last_lines:
        console.stdout.print(f"    {escape(line)}")


def _show_cost(folder: RunDir, state: RunState) -> None:
    """The seconds taken beside those foreseen, and who shared the device."""
    facts: dict[str, Any] = {}
    with suppress(ResultsError):
        facts = folder.read_provenance()
    foreseen, others = facts.get("predicted_seconds"), facts.get("shared_with")
    if state.seconds is not None:
        predicted = "not predicted" if foreseen is None else f"{format_duration(foreseen)} predicted"
        console.stdout.print(f"took {format_duration(state.seconds)} ({predicted})")
    if others is not None:
        console.stdout.print(f"device: {'shared with ' + escape(', '.join(others)) if others else 'not shared'}")


def show_score(rows: list[dict[str, str]], spec: RunSpec) -> None:
    """A finished run's last row beside its own untrained network, and its health."""
    table = Table("score", box=None, pad_edge=False)
    for head in ("untrained", "last row", "change"):
        table.add_column(head, justify="right")
    for name in SCORES:
        if rows[0].get(name) and rows[-1].get(name):
            first, last = float(rows[0][name]), float(rows[-1][name])
            table.add_row(COLUMNS[name].label, f"{first:.3f}", f"{last:.3f}", f"{last - first:+.3f}")
    console.stdout.print(table)
    found = judge_health(rows, spec.k)
    console.stdout.print(f"health: [{HEALTH_COLOURS[found.state]}]{escape(str(found))}[/]")


def show_environment(facts: dict[str, Any]) -> None:
    """Where and with what a run was made; nothing when that is not recorded."""
    threads = f", {plural(facts['threads'], 'thread')}" if "threads" in facts else ""
    place = [str(facts[name]) for name in ("device", "cpu", "platform") if name in facts]
    tools = [f"{name} {value}" for name, value in facts.items() if name not in ("device", "cpu", "platform", "threads")]
    for told in (f"made on: {', '.join(place)}{threads}", f"made with: {', '.join(tools)}") if facts else ():
        console.stdout.print(escape(told))
