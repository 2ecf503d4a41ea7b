"""What several commands share: the types of their options, and how one folder's error is told."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dcbench import rooms
from dcbench.errors import DcbenchError

Executor = StrEnum("Executor", rooms.names("executors"))  # type: ignore[misc]
LOCAL = Executor("local")

MatrixFile = Annotated[Path, typer.Argument(help="The matrix file.", metavar="MATRIX")]
Results = Annotated[Path, typer.Option("--results", help="Where results are kept, a folder for each matrix.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Where datasets are kept. Default: $DCBENCH_DATA, else the user's cache folder.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def tell(error: DcbenchError) -> bool:
    """One folder's error, told without stopping at it."""
    print(f"error: {error}", file=sys.stderr)
    return True
