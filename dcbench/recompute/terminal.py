"""Print what computing runs again came to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rich.markup import escape

from dcbench.core import console
from dcbench.core.text import plural
from dcbench.recompute.result import TOLERANCE, MatrixResult, RunResult
from dcbench.recompute.stored_predictions import UNRECOMPUTABLE

MAX_DIFFERENCES = 20
"""Differences of one run that are printed one by one."""


def show_recomputed(result: MatrixResult) -> None:
    """Print what computing the runs of a matrix again came to: counts, then all that is wrong or was not checked."""
    count = result.difference_count
    verdict = f"[red]{count:,} differ[/]" if count else "[green]none differs[/]"
    if not result.recomputed:
        verdict = "[yellow]nothing could be checked[/]"
    largest = f" (largest difference {result.largest_difference:.1g})" if result.recomputed and not count else ""
    console.stdout.print(
        f"[bold]{escape(result.name)}[/bold]: {plural(len(result.recomputed), 'run')} recomputed, "
        f"{plural(result.value_count, 'value')} compared, {verdict}{largest}"
    )
    for run in result.runs:
        _show_problems(run)
    _show_labels(result.recomputed)
    if incomplete := [run for run in result.recomputed if run.missing_rows]:
        rows = sum(run.missing_rows for run in incomplete)
        console.stdout.print(
            f"  not checked: {plural(rows, 'row')} of {plural(len(incomplete), 'run')}, without predictions since the "
            "run is large"
        )
    for reason, runs in _group((run.not_checked, run) for run in result.runs).items():
        console.stdout.print(f"  [yellow]not checked[/] ({escape(reason)}): {plural(len(runs), 'run')}")
        # Where there is nothing else, the list would be that of all runs.
        if result.recomputed:
            for run in runs:
                console.stdout.print(f"    {escape(run.run_id)}")


def show_limits() -> None:
    """Print what counts as equal, and which columns no prediction tells anything about."""
    console.stdout.print(
        f"Values that differ by at most {TOLERANCE:g} count as equal. Predictions tell nothing about "
        f"{', '.join(UNRECOMPUTABLE)}, time and memory: `dcbench replay` repeats a run."
    )


def _show_problems(run: RunResult) -> None:
    for problem in run.problems:
        console.stdout.print(f"  [red]wrong[/] {escape(problem)}")
    for diff in run.differences[:MAX_DIFFERENCES]:
        recorded = diff.recorded or "nothing"
        recomputed = "nothing" if diff.recomputed is None else f"{diff.recomputed!r}"
        console.stdout.print(
            f"  [red]differs[/] {escape(run.run_id)}: row {diff.row}: {diff.column} is {escape(recorded)} in "
            f"metrics.csv, recomputed {recomputed}"
        )
    if (rest := len(run.differences) - MAX_DIFFERENCES) > 0:
        console.stdout.print(f"  [red]differs[/] {escape(run.run_id)}: {rest:,} more; --json lists all")


def _show_labels(runs: Sequence[RunResult]) -> None:
    """Print in how many runs the true labels were compared with the dataset, and why not in the others."""
    if checked := sum(not run.unchecked_labels for run in runs):
        console.stdout.print(f"  true labels of {plural(checked, 'run')} compared with the dataset's own files")
    for reason, unchecked in _group((run.unchecked_labels, run) for run in runs).items():
        console.stdout.print(
            f"  [yellow]not checked[/]: the true labels of {plural(len(unchecked), 'run')}, which were taken from "
            f"assignments.npz: {escape(reason)}"
        )


def _group(pairs: Iterable[tuple[str, RunResult]]) -> dict[str, list[RunResult]]:
    """Return the runs of each reason that is not empty."""
    groups: dict[str, list[RunResult]] = defaultdict(list)
    for reason, run in pairs:
        if reason:
            groups[reason].append(run)
    return groups
