"""The command line: each command parses its options, calls one function and prints what it returns.

In: the arguments of a shell. Out: text or JSON, and an exit code: 0, 1 where a result is bad, 2 for bad input. Imports:
errors, registry, core, execution, audit, analysis, report, comparison, parity, replay, recompute, inspect,
contracts.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

import dcbench
from dcbench.cli import audit, check_plugin, compare, inspect, parity, plan, recompute, replay, report, run, status
from dcbench.errors import DcbenchError

app = typer.Typer(
    help="Compare deep-clustering choices: expand a YAML matrix, run it, and report the results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass
class CommonOptions:
    """The options that come before the command."""

    debug: bool = False


def main() -> None:
    """Run the command line; an error that the user can fix is one message on stderr, and exit code 2."""
    options = CommonOptions()
    try:
        app(obj=options)
    except DcbenchError as error:
        if options.debug:
            raise
        # A MatrixError has one line for each mistake, which begins with its position in the file.
        print(f"error: {error}" if "\n" not in str(error) else f"{error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        # An error without a file name is a bug, not a problem with a user's file.
        if options.debug or error.filename is None:
            raise
        print(f"error: {os.fsdecode(error.filename)}: {error.strerror}", file=sys.stderr)
        sys.exit(2)


def print_version(value: bool) -> None:
    """Print the version and exit, if --version is there."""
    if value:
        print(f"dcbench {dcbench.__version__}")
        raise typer.Exit


@app.callback()
def set_common_options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """Keep the options that come before the command, for `main`."""
    context.ensure_object(CommonOptions).debug = debug


COMMANDS = (
    plan.plan, run.run, status.status, replay.replay, recompute.recompute, audit.audit, report.report, compare.compare,
    inspect.inspect, parity.parity, check_plugin.check_plugin,
)  # fmt: skip

for command in COMMANDS:
    app.command()(command)
