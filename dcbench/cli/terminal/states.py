"""Print the output of `dcbench status`: all runs with their states, or one run with its spec, scores and machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from rich.markup import escape
from rich.table import Table

from dcbench.audit.health import judge_health
from dcbench.core import console
from dcbench.core.columns import COLUMNS, list_metrics
from dcbench.core.spec import RunSpec, format_value
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import Row
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.core.text import format_duration, plural
from dcbench.errors import ResultsError

HEALTH_COLOURS = {"healthy": "green", "degenerate": "yellow", "collapsed": "red"}


def show_states(name: str, runs: Sequence[PlannedRun]) -> None:
    """Print every planned run with its state, and the counts."""
    width = max(len(run.folder.path.name) for run in runs)
    for run in runs:
        run_id = escape(run.folder.path.name.ljust(width))
        state = console.style_state(run.state.name, run.state.kind)
        console.stdout.print(f"{run_id}  {state}  {escape(run.state.reason)}".rstrip())
    counts = console.format_state_counts(Counter(run.state.name for run in runs))
    console.stdout.print(f"[bold]{escape(name)}[/bold]: {len(runs)} planned ({counts})")
    if predictions := list_predictions(runs):
        predicted, actual = (format_duration(sum(seconds)) for seconds in zip(*predictions, strict=True))
        count = plural(len(predictions), "predicted run")
        console.stdout.print(f"of {count}: {predicted} predicted, {actual} taken")


def list_predictions(runs: Sequence[PlannedRun]) -> list[tuple[float, float]]:
    """Return the predicted and the actual seconds of each finished run that has both."""
    predictions = []
    for run in runs:
        if run.state.name == "done" and run.state.seconds is not None:
            with suppress(ResultsError):
                facts = run.folder.read_provenance()
                predicted = facts.get("predicted_seconds")
                # The state of a resumed run holds the seconds of its last attempt only.
                if isinstance(predicted, float) and "earlier_attempts" not in facts:
                    predictions.append((predicted, run.state.seconds))
    return predictions


def show_run(folder: RunDir, spec: RunSpec, state: RunState) -> None:
    """Print one run: its state, every field of its spec beside the default, its cost, and the end of its log."""
    styled = console.style_state(state.name, state.kind)
    console.stdout.print(f"[bold]{escape(folder.path.name)}[/bold]", styled, escape(state.reason))
    if state.name == "running":
        console.stdout.print(f"epoch {folder.count_epochs_done()} of {spec.epochs}")
    table = Table("field", "value", "default", box=None, pad_edge=False)
    for name, value in spec.model_dump().items():
        default = RunSpec.model_fields[name].default
        table.add_row(name, escape(format_value(value)), "" if value == default else escape(format_value(default)))
    console.stdout.print(table)

    facts: dict[str, Any] = {}
    with suppress(ResultsError):
        facts = folder.read_provenance()
    predicted, neighbours = facts.get("predicted_seconds"), facts.get("shared_with")
    if state.seconds is not None:
        prediction = "not predicted" if predicted is None else f"{format_duration(predicted)} predicted"
        console.stdout.print(f"took {format_duration(state.seconds)} ({prediction})")
    # Times are comparable only between runs that had their device to themselves.
    if neighbours is not None:
        sharing = f"shared with {escape(', '.join(neighbours))}" if neighbours else "not shared"
        console.stdout.print(f"device: {sharing}")

    console.stdout.print(f"log: {escape(str(folder.log_file))}")
    for line in state.last_lines:
        console.stdout.print(f"    {escape(line)}")


def show_score(rows: Sequence[Row], spec: RunSpec) -> None:
    """Print the scores of a finished run beside those of its own untrained network, and its health."""
    table = Table("score", box=None, pad_edge=False)
    for head in ("untrained", "last row", "change"):
        table.add_column(head, justify="right")
    for name in list_metrics("status"):
        if rows[0].get(name) and rows[-1].get(name):
            first, last = float(rows[0][name]), float(rows[-1][name])
            table.add_row(COLUMNS[name].label, f"{first:.3f}", f"{last:.3f}", f"{last - first:+.3f}")
    console.stdout.print(table)
    health = judge_health(rows, spec.k)
    console.stdout.print(f"health: [{HEALTH_COLOURS[health.state]}]{escape(str(health))}[/]")


def show_environment(facts: Mapping[str, Any]) -> None:
    """Print the machine and the versions that a run was made with; nothing if they are not recorded."""
    if not facts:
        return
    threads = f", {plural(facts['threads'], 'thread')}" if "threads" in facts else ""
    machine = ", ".join(str(facts[name]) for name in ("device", "cpu", "platform") if name in facts)
    versions = [
        f"{name} {value}" for name, value in facts.items() if name not in ("device", "cpu", "platform", "threads")
    ]
    console.stdout.print(escape(f"made on: {machine}{threads}"))
    console.stdout.print(escape(f"made with: {', '.join(versions)}"))
