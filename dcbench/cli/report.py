"""`dcbench report`: results as figures, tables and pages, once or for as long as a matrix runs."""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import tell
from dcbench.cli.questions import Margins, Rules, outcomes_asked, rules_asked
from dcbench.cli.watching import Every, Port, Write, follow
from dcbench.core.store import status
from dcbench.errors import ResultsError, unknown_name


def report(
    path: Annotated[Path, typer.Argument(help="A results folder, or a matrix's folder in it.")] = Path("results"),
    out: Annotated[Path, typer.Option("--out", help="Where reports are written, a folder for each matrix.")] = Path(
        "reports"
    ),
    margin: Margins = None,
    rule: Rules = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            help="Formats of figures (png, svg, pdf), of tables (csv, md, tex) and of all rows (parquet), by commas.",
        ),
    ] = "png,svg,pdf,csv,md,tex,parquet",
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Serve the reports on this machine, and write them anew as runs start and end."),
    ] = False,
    port: Port = None,
    every: Every = None,
) -> None:
    """Aggregate results into figures, tables and one offline page for each matrix.

    With --watch it does not end: open pages show the newest report by themselves, until Ctrl-C.
    """
    from dcbench import report as writer

    asked = writer.Asked(outcomes_asked(margin), rules_asked(rule), _formats(formats, writer.FORMATS))
    write = partial(writer.write, out=out, asked=asked)
    if not watch and (port is not None or every is not None):
        raise typer.BadParameter(f"{'--port' if every is None else '--every'} means something only with --watch")
    if watch:
        follow(path, out, write, port, every)
    elif _write_all(path, write):
        raise typer.Exit(2)


def _write_all(path: Path, write: Write) -> bool:
    """Write every report, and say whether one could not be."""
    broken = False
    for folder in status.check_distinct_names(status.find_matrix_dirs(path)):
        try:
            written = write(folder)
        except ResultsError as error:
            broken = tell(error)
            continue
        for note in written.notes:
            print(f"warning: {note}", file=sys.stderr)
        print(f"{written.runs} runs, {written.done} done: {written.page}")
    return broken


def _formats(words: str, known: Collection[str]) -> tuple[str, ...]:
    found = [word.strip() for word in words.split(",") if word.strip()]
    for word in found:
        if word not in known:
            raise typer.BadParameter(f"--format {words}: {unknown_name('format', word, known)}")
    return tuple(found)
