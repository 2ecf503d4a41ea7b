"""The command line: each command parses, calls one function and prints.

Nothing here imports torch, faiss, scikit-learn or torchvision; the report half is imported when it is asked for.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import dcbench
from dcbench.cli import audit, compare, inspect, parity, plan, replay, report, run, status
from dcbench.errors import DcbenchError

app = typer.Typer(
    help="Compare deep-clustering choices: expand a YAML matrix, run it, report what came out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; errors a user can mend, files that cannot be read among them, exit with 2, no traceback."""
    try:
        app(standalone_mode=True)
    except DcbenchError as error:
        if _debug["on"]:
            raise
        print(f"error: {error}" if "\n" not in str(error) else f"{error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if _debug["on"] or error.filename is None:
            raise
        print(f"error: {os.fsdecode(error.filename)}: {error.strerror}", file=sys.stderr)
        sys.exit(2)


_debug = {"on": False}


def _version(asked: bool) -> None:
    if asked:
        print(f"dcbench {dcbench.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    _debug["on"] = debug


COMMANDS = (
    plan.plan, run.run, status.status, replay.replay, audit.audit, report.report, compare.compare, inspect.inspect,
    parity.parity,
)  # fmt: skip

for command in COMMANDS:
    app.command()(command)
