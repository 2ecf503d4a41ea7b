"""Runs beside each other: what two differ in, and how the replays of one came out."""

from __future__ import annotations

import math
from typing import Any

from rich.markup import escape
from rich.table import Table

from dcbench.core import console
from dcbench.core.spec import format_value
from dcbench.core.store.run_dir import RunDir
from dcbench.core.text import plural
from dcbench.replay.rerun import Original, Replayed
from dcbench.replay.run_diff import RunComparison, RunDiff, ValueDiff

SHOWN = 4
"""Columns of the first row that differs that are told one by one."""


def show_beside(ours: RunDir, theirs: RunDir, comparison: RunComparison) -> None:
    """What two runs differ in: identity, what they were made with, figures."""
    console.stdout.print(f"RUN    {escape(str(ours.path))}\nOTHER  {escape(str(theirs.path))}")
    _show_changed("identity", comparison.identity, ("RUN", "OTHER"))
    if comparison.environment is None:
        console.stdout.print("made with: not recorded for both (no provenance.json)")
    else:
        _show_changed("made with", comparison.environment, ("RUN", "OTHER"))
    if comparison.metrics is None:
        console.stdout.print("metrics: none yet in one of the two")
    else:
        _show_verdict("metrics", comparison.metrics)


def show_replayed(run: Original, replayed: Replayed) -> None:
    """How each replay came out, how they stand to each other, and what a difference points at."""
    console.stdout.print(f"[bold]{escape(run.spec.run_id)}[/bold]")
    for number, replay in enumerate(replayed.replays, 1):
        if replay.verdict is None:
            console.stdout.print(f"replay {number}:", console.styled(replay.state), escape(replay.state.reason))
        else:
            _show_verdict(f"replay {number}", replay.verdict)
    for number, found in enumerate(replayed.among if not replayed.reproduced else (), 2):
        _show_verdict(f"replay {number} beside replay 1", found)
    if replayed.changed:
        _show_changed("made with", replayed.changed, ("original", "replay"))
    if run.record.clusters is None:
        console.stdout.print("no assignments.npz in the original's folder: last assignments were not compared with it")
    if replayed.conclusion:
        console.stdout.print(escape(replayed.conclusion))


def _show_changed(what: str, found: dict[str, tuple[Any, Any]], sides: tuple[str, str]) -> None:
    if not found:
        console.stdout.print(f"{what}: the same")
        return
    console.stdout.print(f"{what}: {plural(len(found), 'difference')}")
    table = Table("", *sides, box=None, pad_edge=False)
    for name, values in found.items():
        table.add_row(name, *(escape(format_value(value)) for value in values))
    console.stdout.print(table)


def _show_verdict(what: str, verdict: RunDiff) -> None:
    colour = "red" if verdict.name == "different" else "green"
    images = f" and the clusters of {verdict.images} images" if verdict.images else ""
    console.stdout.print(
        f"{what}: [{colour}]{verdict}[/] ({verdict.figures} figures in {plural(verdict.rows, 'row')}{images})"
    )
    for line in _details(verdict):
        console.stdout.print(f"  {escape(line)}")


def _details(verdict: RunDiff) -> list[str]:
    """The first row that differs, the largest difference elsewhere, the images that moved, the columns left out."""
    first = sorted(
        (found for found in verdict.differences if found.row == verdict.first), key=lambda found: -found.size
    )
    lines = [_difference(found) for found in first[:SHOWN]]
    lines += [f"row {verdict.first}: {plural(len(first) - SHOWN, 'more column')}"] if len(first) > SHOWN else []
    lines += [
        f"from row {row} on also: {', '.join(names)}" for row, names in verdict.starts.items() if row != verdict.first
    ]
    if verdict.beyond not in (None, verdict.first):
        lines.append(f"by more than {verdict.tolerance:g} from row {verdict.beyond} on")
    if verdict.largest and verdict.largest.row != verdict.first:
        lines.append(f"largest: {_difference(verdict.largest)}")
    if verdict.moved:
        lines.append(f"last assignment: {verdict.moved} of {verdict.images} images in another cluster")
    if verdict.not_compared:
        lines.append(f"not compared, since only one has them: {_first_of(verdict.not_compared)}")
    return lines


def _first_of(names: list[str]) -> str:
    rest = len(names) - 2 * SHOWN
    return ", ".join(names[: 2 * SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _difference(difference: ValueDiff) -> str:
    size = f" (by {difference.size:.2g})" if math.isfinite(difference.size) else ""
    return f"row {difference.row}: {difference.column} {difference.original or 'nothing'} -> {difference.other or 'nothing'}{size}"
