"""How runs stand: every planned run, and one run with its identity, its scores and what it was made with."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.markup import escape
from rich.table import Table

from dcbench import screens
from dcbench.columns import COLUMNS
from dcbench.health import health
from dcbench.ledger import Entry
from dcbench.rundir import RunDir, State
from dcbench.spec import RunSpec, shown

HEALTH_COLOURS = {"healthy": "green", "degenerate": "yellow", "collapsed": "red"}

SCORES = ("nmi_true", "cluster_accuracy", "test_refit_nmi_true", "test_refit_cluster_accuracy")


def show_states(name: str, entries: list[Entry]) -> None:
    """Every planned run with its state."""
    width = max(len(entry.folder.path.name) for entry in entries)
    for entry in entries:
        run = escape(entry.folder.path.name.ljust(width))
        screens.console.print(f"{run}  {screens.styled(entry.state)}  {escape(entry.state.reason)}".rstrip())
    tally = Counter(entry.state.name for entry in entries)
    screens.console.print(f"[bold]{escape(name)}[/bold]: {len(entries)} planned ({screens.told(tally)})")


def show_run(folder: RunDir, spec: RunSpec, state: State) -> None:
    """One run: its state, and the fields that its identity is made of."""
    screens.console.print(f"[bold]{escape(folder.path.name)}[/bold]", screens.styled(state), escape(state.reason))
    if state.name == "running":
        screens.console.print(f"epoch {folder.epochs_done()} of {spec.epochs}")
    table = Table("field", "value", "default", box=None, pad_edge=False)
    for name, value in spec.model_dump().items():
        default = RunSpec.model_fields[name].default
        table.add_row(name, escape(shown(value)), "" if value == default else escape(shown(default)))
    screens.console.print(table)
    screens.console.print(f"log: {escape(str(folder.log_file))}")


def show_score(rows: list[dict[str, str]], spec: RunSpec) -> None:
    """A finished run's last row beside its own untrained network, and its health."""
    table = Table("score", box=None, pad_edge=False)
    for head in ("untrained", "last row", "change"):
        table.add_column(head, justify="right")
    for name in SCORES:
        if rows[0].get(name) and rows[-1].get(name):
            first, last = float(rows[0][name]), float(rows[-1][name])
            table.add_row(COLUMNS[name].label, f"{first:.3f}", f"{last:.3f}", f"{last - first:+.3f}")
    screens.console.print(table)
    found = health(rows, spec.k)
    screens.console.print(f"health: [{HEALTH_COLOURS[found.state]}]{escape(str(found))}[/]")


def show_made_with(facts: dict[str, Any]) -> None:
    """Where and with what a run was made; nothing when that is not recorded."""
    threads = f", {screens.many(facts['threads'], 'thread')}" if "threads" in facts else ""
    place = [str(facts[name]) for name in ("device", "cpu", "platform") if name in facts]
    tools = [f"{name} {value}" for name, value in facts.items() if name not in ("device", "cpu", "platform", "threads")]
    for told in (f"made on: {', '.join(place)}{threads}", f"made with: {', '.join(tools)}") if facts else ():
        screens.console.print(escape(told))
