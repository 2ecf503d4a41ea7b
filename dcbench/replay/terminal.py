"""Print what differs between two runs, and how the repetitions of a run came out."""

from __future__ import annotations

import math
from typing import Any

from rich.markup import escape
from rich.table import Table

from dcbench.core import console
from dcbench.core.spec import format_value
from dcbench.core.store.run_dir import RunDir
from dcbench.core.text import plural
from dcbench.replay.rerun import OriginalRun, ReplayResult
from dcbench.replay.run_diff import RunComparison, RunDiff, ValueDiff

MAX_DIFFERENCES = 4
"""Differences in the first row that are printed one by one."""

MAX_COLUMNS = 8
"""Names of columns that are printed of those that were not compared."""


def show_comparison(original: RunDir, other: RunDir, comparison: RunComparison) -> None:
    """Print what differs between two runs: their specs, environments and metrics."""
    console.stdout.print(f"RUN    {escape(str(original.path))}\nOTHER  {escape(str(other.path))}")
    _show_changes("identity", comparison.spec_changes, ("RUN", "OTHER"))
    if comparison.environment_changes is None:
        console.stdout.print("environment: not compared, because one of the runs has no provenance.json")
    else:
        _show_changes("environment", comparison.environment_changes, ("RUN", "OTHER"))
    if comparison.metrics_diff is None:
        console.stdout.print("metrics: not compared, because one of the runs has none yet")
    else:
        _show_diff("metrics", comparison.metrics_diff)


def show_replays(original: OriginalRun, result: ReplayResult) -> None:
    """Print how each repetition came out, how they differ from each other, and what a difference points to."""
    console.stdout.print(f"[bold]{escape(original.spec.run_id)}[/bold]")
    for number, replay in enumerate(result.replays, 1):
        if replay.diff is None:
            state = console.style_state(replay.state.name, replay.state.kind)
            console.stdout.print(f"replay {number}:", state, escape(replay.state.reason))
        else:
            _show_diff(f"replay {number}", replay.diff)
    # Repetitions that all came out as the original did need no comparison with each other.
    if not result.reproduced:
        for number, diff in enumerate(result.diffs_between_replays, 2):
            _show_diff(f"replay {number} against replay 1", diff)
    if result.environment_changes:
        _show_changes("environment", result.environment_changes, ("original", "replay"))
    if original.record.clusters is None:
        console.stdout.print(
            "the original's folder has no assignments.npz: the last assignments were not compared with it"
        )
    if result.conclusion:
        console.stdout.print(escape(result.conclusion))


def describe_diff(diff: RunDiff) -> list[str]:
    """Return the details of a diff as lines of text.

    They are the first row that differs, where other columns differ first, the largest difference elsewhere, the
    images that moved, and the columns that were not compared.
    """
    # The largest first, because only some are printed; columns of the same size stay in their order.
    first = sorted(diff.first_differences, key=lambda difference: -difference.size)
    lines = [_format_difference(difference) for difference in first[:MAX_DIFFERENCES]]
    if len(first) > MAX_DIFFERENCES:
        lines.append(f"row {diff.first_row}: {plural(len(first) - MAX_DIFFERENCES, 'more column')}")
    # Where the difference spread to points to the step that computed it.
    for row, columns in diff.columns_by_first_row.items():
        if row != diff.first_row:
            lines.append(f"from row {row} on also: {', '.join(columns)}")
    if diff.first_row_beyond_tolerance not in (None, diff.first_row):
        lines.append(f"by more than {diff.tolerance:g} from row {diff.first_row_beyond_tolerance} on")
    if diff.largest_difference and diff.largest_difference.row != diff.first_row:
        lines.append(f"largest: {_format_difference(diff.largest_difference)}")
    if diff.moved_count:
        lines.append(f"last assignment: {diff.moved_count} of {diff.image_count} images in another cluster")
    if diff.unshared_columns:
        names = ", ".join(diff.unshared_columns[:MAX_COLUMNS])
        rest = len(diff.unshared_columns) - MAX_COLUMNS
        more = f" and {rest} more" if rest > 0 else ""
        lines.append(f"not compared, because only one run has them: {names}{more}")
    return lines


def _show_changes(name: str, changes: dict[str, tuple[Any, Any]], headings: tuple[str, str]) -> None:
    if not changes:
        console.stdout.print(f"{name}: the same")
        return
    console.stdout.print(f"{name}: {plural(len(changes), 'difference')}")
    table = Table("", *headings, box=None, pad_edge=False)
    for field, values in changes.items():
        table.add_row(field, *(escape(format_value(value)) for value in values))
    console.stdout.print(table)


def _show_diff(name: str, diff: RunDiff) -> None:
    colour = "red" if diff.verdict == "different" else "green"
    images = f" and the clusters of {diff.image_count} images" if diff.image_count else ""
    rows = plural(diff.row_count, "row")
    console.stdout.print(f"{name}: [{colour}]{diff}[/] ({diff.value_count} figures in {rows}{images})")
    for line in describe_diff(diff):
        console.stdout.print(f"  {escape(line)}")


def _format_difference(difference: ValueDiff) -> str:
    size = f" (by {difference.size:.2g})" if math.isfinite(difference.size) else ""
    old, new = (value or "nothing" for value in (difference.original, difference.other))
    return f"row {difference.row}: {difference.column} {old} -> {new}{size}"
