"""An audit: the axes, and every check that a run failed."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from dcbench.audit.axes import Audit
from dcbench.core import console


def show_audit(found: Audit) -> None:
    """The axes, and every check that a run failed.

    Of the matched pairs of an axis: in how many what it did differs, what came out differs, and the random numbers
    that must be common are.
    """
    console.stdout.print(f"[bold]{escape(found.name)}[/bold]: {console.many(found.runs, 'run')} audited")
    table = Table("axis", box=None, pad_edge=False)
    for head in ("pairs", "acted", "outcome", "common"):
        table.add_column(head, justify="right")
    table.add_column("verdict", overflow="fold")
    for axis in found.axes:
        counts = (axis.pairs, axis.witness, axis.outcome, axis.common if axis.must_share else "none due")
        colour = "red" if axis.verdict in ("does nothing", "confounded") else "green" if axis.pairs else "yellow"
        table.add_row(escape(axis.name), *map(str, counts), f"[{colour}]{escape(axis.told)}[/]")
    console.stdout.print(table)
    for problem in found.problems:
        console.stdout.print(f"[red]failed[/] {escape(problem.check)}: {escape(problem.run)}: {escape(problem.told)}")
    for note in found.notes:
        console.stdout.print(f"[yellow]note[/] {escape(note)}")
    if not found.problems:
        console.stdout.print("every check of every run passed" if found.runs else "no finished run to check")
