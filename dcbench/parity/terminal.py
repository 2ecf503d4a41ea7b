"""Print a comparison of backends: progress while it is measured, then a table for each stage, 120 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dcbench.parity.table import MEASURES, PARITY_STAGES, ParityRow, ParitySettings, sort_rows

PIPE_WIDTH = 120
"""Width of the text (characters) if it does not go to a terminal."""

MAX_COLUMNS = 3
"""Pairs of backends, or backends, side by side; further ones get a table below."""

LABEL_WIDTH, K_WIDTH, VALUE_WIDTH = 33, 4, 25
"""Widths (characters) that align the tables of all stages."""


def collect_rows(rows: Iterable[ParityRow], console: Console) -> list[ParityRow]:
    """Collect the rows as they are measured; on a terminal, show what was measured last."""
    collected = []
    with console.status("measuring ...") as status:
        for row in rows:
            collected.append(row)
            status.update(f"measuring ... {row.stage}{f', k = {row.k}' if row.k else ''} is done")
    return collected


def show_parity(rows: list[ParityRow], settings: ParitySettings, console: Console) -> None:
    """Print the tables stage by stage: first the measures of two backends, then those of one alone."""
    if not console.is_terminal:
        console = Console(file=console.file, highlight=False, width=PIPE_WIDTH)
    images = "all" if settings.limit is None else f"{settings.limit:,}"
    console.print(
        f"[bold]{escape(settings.dataset)}[/bold], {images} images; median (lowest-highest) of {settings.starts} starts"
    )
    for stage, description in PARITY_STAGES.items():
        console.print(f"\n[bold]{stage}[/bold]: {description}")
        for of_pairs in (True, False):
            selected = [row for row in rows if row.stage == stage and bool(row.backend_b) == of_pairs]
            for table in _make_tables(sort_rows(selected)):
                console.print(table)


def _make_tables(rows: list[ParityRow]) -> Iterator[Table]:
    """Yield tables with a line for each measure and k, and a column for each pair or backend."""
    headings = list(dict.fromkeys(_heading(row) for row in rows))
    for start in range(0, len(headings), MAX_COLUMNS):
        columns = headings[start : start + MAX_COLUMNS]
        table = Table(box=None, pad_edge=False)
        table.add_column("", width=LABEL_WIDTH)
        table.add_column("k", width=K_WIDTH, justify="right")
        for heading in columns:
            table.add_column(escape(heading), width=VALUE_WIDTH, justify="right")
        for measure, k in dict.fromkeys((row.measure, row.k) for row in rows):
            cells = {_heading(row): format_cell(row) for row in rows if (row.measure, row.k) == (measure, k)}
            table.add_row(MEASURES[measure].label, str(k or ""), *(cells.get(heading, "") for heading in columns))
        yield table


def _heading(row: ParityRow) -> str:
    return f"{row.backend_a} / {row.backend_b}" if row.backend_b else row.backend_a


def format_cell(row: ParityRow) -> str:
    """Return the median of a row, with the range if there are several values."""
    number_format = MEASURES[row.measure].number_format
    if row.value is None:
        return "never" if row.measure == "parting_iteration" else "-"
    text = format(row.value, number_format)
    if len(row.values) > 1:
        text += f" ({'-'.join(format(bound, number_format) for bound in row.bounds)})"
    # Only the starts in which the backends differ at all have this value.
    return f"{text} in {len(row.values)}" if row.measure == "parting_iteration" else text
