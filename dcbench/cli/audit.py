"""`dcbench audit`: whether every axis acts and every run did what its spec says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dcbench.audit import axes as auditing
from dcbench.cli.options import AsJson, tell
from dcbench.cli.terminal.audit import show_audit
from dcbench.core.store import status
from dcbench.errors import ResultsError


def audit(
    path: Annotated[Path, typer.Argument(help="A results folder, or a matrix's folder in it.")] = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Check that every axis acts and that every run did what its spec says. Exit code 1 when not."""
    audits, broken = [], False
    for folder in status.find_matrix_dirs(path):
        try:
            audits.append(auditing.audit(folder))
        except ResultsError as error:
            broken = tell(error)
    if as_json:
        print(json.dumps([found.as_json() for found in audits]))
    else:
        for found in audits:
            show_audit(found)
    if broken:
        raise typer.Exit(2)
    if not all(found.passed for found in audits):
        raise typer.Exit(1)
