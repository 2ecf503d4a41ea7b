"""`dcbench check-plugin`: run the contract tests of its kind on a plug-in file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from dcbench import registry
from dcbench.cli.options import DataDirOption, parse_duration
from dcbench.core import console
from dcbench.core.text import plural
from dcbench.errors import PluginError


def check_plugin(
    file: Annotated[Path, typer.Argument(help="The file, in a folder of its kind, like my_parts/archs/tiny.py.")],
    argument: Annotated[
        str | None, typer.Option(help="The argument of a dataset that takes one: PATH for name:PATH.")
    ] = None,
    data_dir: DataDirOption = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            parser=parse_duration, metavar="TIME", help="Longest time of a check, like 90s or 15m. Default: 5m."
        ),
    ] = None,
) -> None:
    """Run the contract tests of its kind on a plug-in. Exit code 1 when one fails."""
    # The checks need torch, faiss and matplotlib, which the other commands do without.
    from dcbench.contracts import DEADLINE, KINDS_WITH_CHECKS, run_checks

    kind = file.absolute().parent.name
    if not file.is_file():
        raise PluginError(f"{file}: no such file")
    if kind not in KINDS_WITH_CHECKS:
        raise PluginError(f"{file}: must be in a folder of its kind: {', '.join(KINDS_WITH_CHECKS)}")
    if not re.fullmatch(r"[a-z].*\.py", file.name):
        raise PluginError(f"{file}: the name of a plug-in's file begins with a lower-case letter and ends with .py")
    registry.use_plugins([file.absolute().parent.parent])
    plugin = registry.find(kind, registry.name_of_file(kind, file)).name
    name = plugin if argument is None else f"{plugin}:{argument}"
    if problem := registry.name_problem(kind, name):
        hint = "; give it with --argument" if argument is None else ""
        raise PluginError(f"{file}: {problem}{hint}")
    failed = 0
    for check in run_checks(kind, name, data_dir, timeout or DEADLINE):
        failed += check.problem is not None
        mark = "[green]passed[/]" if check.problem is None else "[red]FAILED[/]"
        console.stdout.print(f"{mark}  {escape(check.sentence)}")
        if check.problem is not None:
            console.stdout.print(f"        {escape(check.problem)}")
    if failed:
        console.stdout.print(f"{file}: {plural(failed, 'check')} failed")
        raise typer.Exit(1)
    console.stdout.print(f"{file}: every check passed; use it with --plugins {file.absolute().parent.parent}")
