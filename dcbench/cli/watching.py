"""What `report --watch` does: serve the reports and write them anew until somebody ends it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from dcbench.cli.options import seconds
from dcbench.core.store.run_dir import MatrixDir

PORT = 8642
EVERY = 5.0

NICENESS = 5
"""By how much writing a report gives way to training runs on the same cores."""

Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help=f"Where --watch serves, on 127.0.0.1. Default: {PORT}; 0 is any that is free."),
]
Every = Annotated[
    float | None,
    typer.Option(parser=seconds, metavar="TIME", help=f"How often --watch looks for changes. Default: {EVERY:.0f}s."),
]
Write = Callable[[MatrixDir], Any]
"""What writes one matrix's report, and gives back its `report.Written`."""


def follow(path: Path, out: Path, write: Write, port: int | None, every: float | None) -> None:
    """Serve and follow until somebody ends it, which is how it is meant to end."""
    from dcbench.report.watch.reports import Reports
    from dcbench.report.watch.server import serving

    reports = Reports(path, out, write)
    with _until_stopped() as stopped, serving(reports, PORT if port is None else port) as url:
        print(f"{url} has the reports of {path}; Ctrl-C ends it", flush=True)
        os.nice(NICENESS)  # this thread, not the server's
        for told in reports.follow(EVERY if every is None else every):
            if told.wrong:
                print(f"error: {told.text}", file=sys.stderr, flush=True)
            else:
                print(told.text, flush=True)
            if stopped:
                break


@contextmanager
def _until_stopped() -> Iterator[list[int]]:
    """End the block quietly on Ctrl-C or SIGTERM, also in a shell's background, where SIGINT is ignored at first.

    The signals so far are told as well: one that comes while an object is deleted ends nothing, Python only prints it.
    """
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        signal.default_int_handler(number, frame)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with suppress(KeyboardInterrupt):
        yield came
    print("stopped; the reports stay as they are")
