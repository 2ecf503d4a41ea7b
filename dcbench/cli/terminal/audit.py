"""Print the output of `dcbench audit`."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from dcbench.audit.axes import Audit
from dcbench.core import console
from dcbench.core.text import plural


def show_audit(audit: Audit) -> None:
    """Print the verdict of each axis, and every check that a run failed.

    The columns count matched pairs of runs, which differ in one axis only. `acted`: the setting took effect differently
    in the two runs. `outcome`: the results differ. `common`: the random numbers that must be common are.
    """
    console.stdout.print(f"[bold]{escape(audit.name)}[/bold]: {plural(audit.runs, 'run')} audited")
    table = Table("axis", box=None, pad_edge=False)
    for head in ("pairs", "acted", "outcome", "common"):
        table.add_column(head, justify="right")
    table.add_column("verdict", overflow="fold")
    for axis in audit.axes:
        counts = (axis.pairs, axis.acted, axis.outcome, axis.common if axis.must_share else "none due")
        # Without a pair there is no verdict, good or bad.
        colour = "red" if axis.verdict in ("does nothing", "confounded") else "green" if axis.pairs else "yellow"
        table.add_row(escape(axis.name), *map(str, counts), f"[{colour}]{escape(axis.message)}[/]")
    console.stdout.print(table)
    for failure in audit.failures:
        run, check, message = map(escape, (failure.run, failure.check, failure.message))
        console.stdout.print(f"[red]failed[/] {check}: {run}: {message}")
    for note in audit.notes:
        console.stdout.print(f"[yellow]note[/] {escape(note)}")
    if not audit.failures:
        console.stdout.print("every check of every run passed" if audit.runs else "no finished run to check")
