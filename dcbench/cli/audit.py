"""`dcbench audit`: check that every axis takes effect and every run did what its spec says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dcbench.audit import axes
from dcbench.cli.options import JsonOption, print_error
from dcbench.cli.terminal.audit import show_audit
from dcbench.core.store.status import find_matrix_dirs
from dcbench.errors import ResultsError


def audit(
    path: Annotated[Path, typer.Argument(help="A results folder, or the folder of a matrix in it.")] = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Check that every axis takes effect and that every run did what its spec says. Exit code 1 if a check fails."""
    audits, has_error = [], False
    for folder in find_matrix_dirs(path):
        # A matrix that cannot be read does not hide the audits of the others.
        try:
            audits.append(axes.audit(folder))
        except ResultsError as error:
            print_error(error)
            has_error = True
    if as_json:
        print(json.dumps([result.as_json() for result in audits]))
    else:
        for result in audits:
            show_audit(result)
    if has_error:
        raise typer.Exit(2)
    if not all(result.passed for result in audits):
        raise typer.Exit(1)
