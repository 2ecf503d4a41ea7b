"""`dcbench report`: results as figures, tables and pages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dcbench import ledger
from dcbench.cli.options import tell
from dcbench.errors import ResultsError


def report(
    path: Annotated[Path, typer.Argument(help="A results folder, or a matrix's folder in it.")] = Path("results"),
    out: Annotated[Path, typer.Option("--out", help="Where reports are written, a folder for each matrix.")] = Path(
        "reports"
    ),
) -> None:
    """Aggregate results into figures, tables and one offline page for each matrix."""
    from dcbench import report as writer

    broken = False
    for folder in ledger.matrix_folders(path):
        try:
            written = writer.write(folder, out)
        except ResultsError as error:
            broken = tell(error)
            continue
        for note in written.notes:
            print(f"warning: {note}", file=sys.stderr)
        print(f"{written.runs} runs, {written.done} done: {written.page}")
    if broken:
        raise typer.Exit(2)
