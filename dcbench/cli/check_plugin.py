"""`dcbench check-plugin`: run the contract tests of its kind on a plug-in file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from dcbench import registry
from dcbench.cli.options import DataDirOption
from dcbench.core import console
from dcbench.core.text import plural
from dcbench.errors import PluginError


def check_plugin(
    file: Annotated[Path, typer.Argument(help="The file, in a folder of its kind, like my_parts/archs/tiny.py.")],
    argument: Annotated[
        str | None, typer.Option(help="The argument of a dataset that takes one: PATH for name:PATH.")
    ] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Run the contract tests of its kind on a plug-in. Exit code 1 when one fails."""
    # The checks need torch, faiss and matplotlib, which the other commands do without.
    from dcbench.contracts import KINDS_WITH_CHECKS, run_checks

    kind = file.absolute().parent.name
    if not file.is_file():
        raise PluginError(f"{file}: no such file")
    if kind not in KINDS_WITH_CHECKS:
        raise PluginError(f"{file}: must be in a folder of its kind: {', '.join(KINDS_WITH_CHECKS)}")
    registry.use_plugins([file.absolute().parent.parent])
    plugins = (registry.find(kind, name) for name in registry.plugin_names(kind))
    plugin = next((plugin for plugin in plugins if plugin.path == file.absolute()), None)
    if plugin is None:
        raise PluginError(f"{file}: the name of a plug-in's file begins with a lower-case letter and ends with .py")
    name = plugin.name if argument is None else f"{plugin.name}:{argument}"
    failed = 0
    for check in run_checks(kind, name, data_dir):
        failed += check.problem is not None
        mark = "[green]passed[/]" if check.problem is None else "[red]FAILED[/]"
        console.stdout.print(f"{mark}  {escape(check.sentence)}")
        if check.problem is not None:
            console.stdout.print(f"        {escape(check.problem)}")
    if failed:
        console.stdout.print(f"{file}: {plural(failed, 'check')} failed")
        raise typer.Exit(1)
    console.stdout.print(f"{file}: every check passed; use it with --plugins {file.absolute().parent.parent}")
