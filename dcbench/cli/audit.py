"""`dcbench audit`: whether every axis acts and every run did what its spec says."""

from __future__ import annotations

import json
from dataclasses import asdict
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
    for folder in status.matrix_folders(path):
        try:
            audits.append(auditing.audit(folder))
        except ResultsError as error:
            broken = tell(error)
    if as_json:
        print(json.dumps([_audited(found) for found in audits]))
    else:
        for found in audits:
            show_audit(found)
    if broken:
        raise typer.Exit(2)
    if not all(found.good for found in audits):
        raise typer.Exit(1)


def _audited(found: auditing.Audit) -> dict[str, object]:
    axes = [asdict(axis) | {"verdict": axis.verdict, "told": axis.told} for axis in found.axes]
    return asdict(found) | {"axes": axes, "good": found.good}
