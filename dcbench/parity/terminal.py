"""What `dcbench parity` shows: how far it is, and the table stage by stage, in 120 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dcbench.parity.table import MEASURES, STAGES, ParityMeasure, ParitySettings, in_order

WIDTH = 120
"""Columns of text on a pipe, where there is no terminal to ask."""

COLUMNS = 3
"""Pairs, or backends, that stand side by side; more of them follow below."""

LABEL, K, VALUE = 33, 4, 25
"""Widths that align the tables of all stages."""


def watch(lines: Iterable[ParityMeasure], console: Console) -> list[ParityMeasure]:
    """Take the lines as they are measured, and show on a terminal what was the last."""
    taken = []
    with console.status("measuring ...") as status:
        for line in lines:
            taken.append(line)
            status.update(f"measuring ... {line.stage}{f', k = {line.k}' if line.k else ''} is done")
    return taken


def show(lines: list[ParityMeasure], settings: ParitySettings, console: Console) -> None:
    """Stage by stage: the measures of pairs, then those of each backend alone."""
    console = console if console.is_terminal else Console(file=console.file, highlight=False, width=WIDTH)
    many = "all" if settings.limit is None else f"{settings.limit:,}"
    console.print(
        f"[bold]{escape(settings.dataset)}[/bold], {many} images; median (lowest-highest) of {settings.starts} starts"
    )
    for stage, what in STAGES.items():
        console.print(f"\n[bold]{stage}[/bold]: {what}")
        for together in (True, False):
            kept = [line for line in lines if line.stage == stage and bool(line.backend_b) == together]
            for table in _tables(in_order(kept)):
                console.print(table)


def _tables(lines: list[ParityMeasure]) -> Iterator[Table]:
    """Measures down, up to three pairs or backends across."""
    heads = list(dict.fromkeys(_head(line) for line in lines))
    for first in range(0, len(heads), COLUMNS):
        across = heads[first : first + COLUMNS]
        table = _empty(across)
        for measure, k in dict.fromkeys((line.measure, line.k) for line in lines):
            cells = {_head(line): _cell(line) for line in lines if (line.measure, line.k) == (measure, k)}
            table.add_row(MEASURES[measure][0], str(k or ""), *(cells.get(head, "") for head in across))
        yield table


def _empty(across: list[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", width=LABEL)
    table.add_column("k", width=K, justify="right")
    for head in across:
        table.add_column(escape(head), width=VALUE, justify="right")
    return table


def _head(line: ParityMeasure) -> str:
    return f"{line.backend_a} / {line.backend_b}" if line.backend_b else line.backend_a


def _cell(line: ParityMeasure) -> str:
    form = MEASURES[line.measure][1]
    if line.value is None:
        return "never" if line.measure == "parting_iteration" else "-"
    told = format(line.value, form)
    if len(line.values) > 1:
        told += f" ({'-'.join(format(bound, form) for bound in line.range)})"
    return f"{told} in {len(line.values)}" if line.measure == "parting_iteration" else told
