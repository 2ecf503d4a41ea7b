"""A plan: what it comes to step by step, how its runs stand, and how an edited one differs from the stored."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from dcbench.core import console
from dcbench.core.matrix.expand import Plan
from dcbench.core.spec import format_value
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.status import PlanChange
from dcbench.core.text import format_duration, format_megabytes, plural
from dcbench.execution.scheduler import SchedulerSettings
from dcbench.execution.scheduler.forecast import ClassForecast, Forecast

STEPS = {
    "product": "product and zip",
    "exclude": "after exclude",
    "include": "after include",
    "overrides": "after overrides",
    "seeds": "times seeds",
    "duplicates": "duplicates dropped",
}

HEAD = ["class of runs", "epochs", "runs", "done", "a run", "memory", "from"]


def show_plan(plan: Plan, folder: MatrixDir, counts: dict[str, int]) -> None:
    """The count after each step, the axes, and how the runs stand."""
    beside = f" and {len(plan.baselines)} baselines" if plan.baselines else ""
    console.stdout.print(f"[bold]{escape(plan.name)}[/bold]: {plan.cells} cells, {len(plan.runs)} runs{beside}")
    steps = Table("step", box=None, pad_edge=False)
    steps.add_column("count", justify="right")
    for name, count in plan.steps.items():
        steps.add_row(STEPS[name], str(count))
    console.stdout.print(steps)
    axes = Table("axis", "values", box=None, pad_edge=False)
    for name, values in plan.axes.items():
        axes.add_row(name, escape(", ".join(format_value(value) for value in values)))
    console.stdout.print(axes)
    console.stdout.print(
        f"{counts['done']} of {len(plan.planned)} done in {escape(str(folder.path))} ({console.format_state_counts(counts)})"
    )


def show_forecast(forecast: Forecast, settings: SchedulerSettings) -> None:
    """What a run of each class costs, and what is left of the matrix comes to on these devices."""
    if any(one.expected.source for one in forecast.classes):
        lines = [HEAD, *(_cells(one) for one in forecast.classes)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
        for title, *figures in lines:  # no table of rich's, which would wrap the titles on a narrow terminal
            cells = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
            console.stdout.print(escape("  ".join([title.ljust(widths[0]), *cells])))
    if not forecast.left:
        return
    if forecast.finish_seconds is None or forecast.run_seconds is None:
        console.stdout.print(
            f"{plural(forecast.left, 'run')} left; runs like {forecast.unknown} of them were never timed here: "
            "--probe measures them"
        )
        return
    peak = f", at most {format_megabytes(forecast.memory_mb)} a run" if forecast.memory_mb else ""
    work = f"{plural(forecast.left, 'run')} left: {format_duration(forecast.run_seconds)} one after another{peak}"
    if forecast.unshared_seconds is None:
        told = (
            f"on the CPU, {settings.config.jobs} at once, through in about {format_duration(forecast.finish_seconds)}"
        )
    else:
        soonest, latest = format_duration(forecast.finish_seconds), format_duration(forecast.unshared_seconds)
        hours = forecast.unshared_seconds * len(settings.pool.devices) / 3600
        told = (
            f"on {plural(len(settings.pool.devices), 'GPU')} through in {soonest} if sharing one costs nothing, "
            f"in {latest} ({hours:.1f} device-hours) if it gains nothing"
        )
    console.stdout.print(f"{work}; {told}")


def _cells(one: ClassForecast) -> list[str]:
    """A class's line, in the order of HEAD."""
    cost = one.expected
    seconds = "unknown" if cost.seconds is None else format_duration(cost.seconds)
    memory = "unknown" if cost.memory_mb is None else format_megabytes(cost.memory_mb)
    return [one.title, str(one.epochs), str(one.runs), str(one.done), seconds, memory, cost.source or "nothing"]


def show_change(change: PlanChange) -> None:
    """What a changed matrix keeps, adds and no longer plans; nothing when it is the same."""
    if change.kept and (change.added or change.dropped):
        console.stdout.print(
            f"the matrix has changed: {change.kept} runs kept, {change.added} new, {change.dropped} no longer planned "
            "(their folders stay and are left out of the report)"
        )
