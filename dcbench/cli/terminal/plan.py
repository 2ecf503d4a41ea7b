"""Print a plan step by step, the states of its runs, what they will take, and how a matrix has changed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from dcbench import registry
from dcbench.core import console
from dcbench.core.columns import COLUMNS
from dcbench.core.matrix.expand import Plan
from dcbench.core.power import Power
from dcbench.core.spec import TWIN_CHANNELS, format_value
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.status import PlanChange, PlannedRun, count_changed_plugins
from dcbench.core.text import format_duration, format_megabytes, plural
from dcbench.execution.scheduler import SchedulerSettings
from dcbench.execution.scheduler.forecast import Forecast

STEPS = {
    "product": "product and zip",
    "exclude": "after exclude",
    "include": "after include",
    "overrides": "after overrides",
    "seeds": "times seeds",
    "repeats": "times repeats",
    "duplicates": "duplicates dropped",
}

FORECAST_HEADER = ["class of runs", "epochs", "runs", "done", "a run", "memory", "from"]


def show_plan(plan: Plan, folder: MatrixDir, counts: dict[str, int]) -> None:
    """Print the count of cells or runs after each step, the axes, and the states of the runs."""
    baselines = f" and {len(plan.baselines)} baselines" if plan.baselines else ""
    console.stdout.print(f"[bold]{escape(plan.name)}[/bold]: {plan.cells} cells, {len(plan.runs)} runs{baselines}")
    steps = Table("step", box=None, pad_edge=False)
    steps.add_column("count", justify="right")
    for name, count in plan.steps.items():
        steps.add_row(STEPS[name], str(count))
    console.stdout.print(steps)
    axes = Table("axis", "values", box=None, pad_edge=False)
    for name, values in plan.axes.items():
        axes.add_row(name, escape(", ".join(format_value(value) for value in values)))
    console.stdout.print(axes)
    channels = plan.axes.get("input_channels", ())
    if set(TWIN_CHANNELS) <= set(channels):
        datasets = dict.fromkeys(spec.dataset for spec in plan.runs)
        grey = [name for name in datasets if registry.facts("datasets", name).get("channels") == 1]
        if grey:
            console.stdout.print(
                f"{escape(', '.join(grey))}: SGD runs with 1 and with 3 input channels are the same experiment, as "
                "the images have one channel; the report uses them to measure the noise floor"
            )
    if plan.repeats > 1:
        console.stdout.print(
            f"each cell is run {plan.repeats} times with each seed, on the same images with other random numbers: the "
            "repeats are the same experiment, and the report uses them to measure the noise floor"
        )
    states = console.format_state_counts(counts)
    console.stdout.print(f"{counts['done']} of {len(plan.planned)} done in {escape(str(folder.path))} ({states})")


def show_forecast(forecast: Forecast, settings: SchedulerSettings) -> None:
    """Print what a run of each class takes, and the time and memory for what is left of the matrix."""
    if any(each.expected.source for each in forecast.classes):
        lines = [FORECAST_HEADER]
        for each in forecast.classes:
            cost = each.expected
            seconds = "unknown" if cost.seconds is None else format_duration(cost.seconds)
            memory = "unknown" if cost.memory_mb is None else format_megabytes(cost.memory_mb)
            counts = [str(each.epochs), str(each.runs), str(each.done)]
            lines.append([each.title, *counts, seconds, memory, cost.source or "nothing"])
        widths = [max(len(line[column]) for line in lines) for column in range(len(FORECAST_HEADER))]
        # Not a table of rich's, which would wrap the titles on a narrow terminal.
        for title, *figures in lines:
            cells = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
            console.stdout.print(escape("  ".join([title.ljust(widths[0]), *cells])))
    if not forecast.left:
        return
    if forecast.finish_seconds is None or forecast.run_seconds is None:
        console.stdout.print(
            f"{plural(forecast.left, 'run')} left; the time of {forecast.unknown} of them is unknown: "
            "measure it with --probe"
        )
        return
    peak = f", at most {format_megabytes(forecast.memory_mb)} a run" if forecast.memory_mb else ""
    work = f"{plural(forecast.left, 'run')} left: {format_duration(forecast.run_seconds)} one after another{peak}"
    if forecast.unshared_seconds is None:
        time = f"on the CPU, {settings.config.jobs} at once, done in about {format_duration(forecast.finish_seconds)}"
    else:
        # How much runs slow each other down on a shared GPU is not known beforehand; the truth lies between the two.
        soonest, latest = format_duration(forecast.finish_seconds), format_duration(forecast.unshared_seconds)
        gpus = len(settings.pool.devices)
        time = (
            f"on {plural(gpus, 'GPU')} done in {soonest} if sharing a GPU costs nothing, "
            f"in {latest} ({forecast.unshared_seconds * gpus / 3600:.1f} device-hours) if it gains nothing"
        )
    console.stdout.print(f"{work}; {time}")


def show_power(powers: Sequence[Power], planned_seeds: int) -> None:
    """Print how large an effect must be to be found."""
    # The report judges effects that are means over all datasets, so only these can be promised to a matrix of several.
    for power in [power for power in powers if power.dataset == "all"] or powers:
        where = "all datasets together" if power.dataset == "all" else power.dataset
        few = "" if planned_seeds in power.detectable else f"{plural(planned_seeds, 'seed')}: no verdicts; "
        seeds, *more = power.detectable
        others = "".join(f"; with {each} seeds, above {power.detectable[each]:.2g}" for each in more)
        found = f"effects on {COLUMNS[power.metric].label} above {power.detectable[seeds]:.2g} are found in 80 %"
        console.stdout.print(
            f"{escape(where)} ({plural(power.cells, 'cell')}, {plural(power.swaps, 'swap')}): {few}with {seeds} seeds, "
            f"{found} of matrices like this one{others} (variances of {escape(power.source)})"
        )


def show_change(change: PlanChange) -> None:
    """Print what a changed matrix keeps, adds and no longer plans; nothing if it has not changed."""
    if change.kept and (change.added or change.dropped):
        console.stdout.print(
            f"the matrix has changed: {change.kept} runs kept, {change.added} new, {change.dropped} no longer planned "
            "(their folders stay and are left out of the report)"
        )


def show_changed_plugins(runs: Sequence[PlannedRun]) -> None:
    """Print a line for each of the user's own plug-ins that has changed since finished runs used it."""
    for name, count in count_changed_plugins(runs).items():
        made = f"{plural(count, 'finished run')} {'was' if count == 1 else 'were'} made"
        console.stdout.print(
            f"[yellow]note[/] plug-in {escape(name)} has changed since {made}; run the matrix with --redo to repeat all"
        )
