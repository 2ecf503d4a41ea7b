"""Options that several commands share: their types, help texts and parsers."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from dcbench import registry
from dcbench.errors import DcbenchError

LOCAL = "local"
"""The default executor."""

MatrixArgument = Annotated[Path, typer.Argument(help="The matrix file.", metavar="MATRIX")]
ResultsOption = Annotated[Path, typer.Option("--results", help="Folder of the results, with a folder for each matrix.")]
DataDirOption = Annotated[
    Path | None, typer.Option(help="Folder of the datasets. Default: $DCBENCH_DATA, or else the user's cache folder.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
GpusOption = Annotated[str, typer.Option(help="all, or indices as nvidia-smi shows them, like 0,2.")]
RunsPerGpuOption = Annotated[
    str, typer.Option(metavar="auto|N", help="Runs at once on each GPU. auto: as many as fit in its memory.")
]
JobsOption = Annotated[
    int | None, typer.Option(min=1, help="Runs at once on the CPU, which share the cores. Default: one per core.")
]
RunDeviceOption = Annotated[
    str | None,
    typer.Option("--device", help="auto, cpu, cuda or cuda:N. Default: cpu or cuda, as in the original run."),
]
RunThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="CPU threads. Default: as in the original run.")
]
PluginsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugins",
        metavar="DIR",
        help="Folder of your own plug-ins, with a folder for each kind; repeatable.",
        # Eager, because other arguments may name these plug-ins.
        callback=lambda folders: registry.use_plugins(folders or []) or folders,
        is_eager=True,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def join_command() -> str:
    """Return the command line of this process, as a shell would read it."""
    return shlex.join(["dcbench", *sys.argv[1:]])


UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
"""Seconds in each unit of time."""


def parse_duration(text: str) -> float:
    """Return the seconds in a text like `90`, `90s`, `15m` or `2h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not match or float(match[1]) == 0:
        raise typer.BadParameter(f"expected a time like 90s, 15m or 2h, not {text!r}")
    return float(match[1]) * UNITS[match[2]]


def print_error(error: DcbenchError) -> None:
    """Print the error of one folder, for a command that goes on with the others."""
    print(f"error: {error}", file=sys.stderr)
