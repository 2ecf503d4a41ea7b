"""A plan: what it comes to step by step, how its runs stand, and how an edited one differs from the stored."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from dcbench import screens
from dcbench.ledger import Change
from dcbench.matrix import Plan
from dcbench.rundir import MatrixDir
from dcbench.spec import shown

STEPS = {
    "product": "product and zip",
    "exclude": "after exclude",
    "include": "after include",
    "overrides": "after overrides",
    "seeds": "times seeds",
    "duplicates": "duplicates dropped",
}


def show_plan(plan: Plan, folder: MatrixDir, counts: dict[str, int]) -> None:
    """The count after each step, the axes, and how the runs stand."""
    beside = f" and {len(plan.baselines)} baselines" if plan.baselines else ""
    screens.console.print(f"[bold]{escape(plan.name)}[/bold]: {plan.cells} cells, {len(plan.runs)} runs{beside}")
    steps = Table("step", box=None, pad_edge=False)
    steps.add_column("count", justify="right")
    for name, count in plan.steps.items():
        steps.add_row(STEPS[name], str(count))
    screens.console.print(steps)
    axes = Table("axis", "values", box=None, pad_edge=False)
    for name, values in plan.axes.items():
        axes.add_row(name, escape(", ".join(shown(value) for value in values)))
    screens.console.print(axes)
    screens.console.print(
        f"{counts['done']} of {len(plan.planned)} done in {escape(str(folder.path))} ({screens.told(counts)})"
    )


def show_change(change: Change) -> None:
    """What a changed matrix keeps, adds and no longer plans; nothing when it is the same."""
    if change.kept and (change.added or change.dropped):
        screens.console.print(
            f"the matrix has changed: {change.kept} runs kept, {change.added} new, {change.dropped} no longer planned "
            "(their folders stay and are left out of the report)"
        )
