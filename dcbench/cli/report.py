"""`dcbench report`: turn results into figures, tables and pages, once or continuously while a matrix runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from dcbench.cli.metric_options import MarginOption, RuleOption, parse_margins, parse_rules
from dcbench.cli.options import PluginsOption, parse_duration, print_error
from dcbench.core.columns import DEFAULT_RULER, RULERS
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.status import check_distinct_names, find_matrix_dirs
from dcbench.core.text import plural
from dcbench.errors import ResultsError, unknown_name

if TYPE_CHECKING:
    from dcbench.report.writing import WrittenReport

PORT = 8642
INTERVAL = 5.0
"""Seconds between two checks for changes."""

NICENESS = 5
"""Niceness of the thread that writes reports, so that training runs on the same cores go first."""


def report(
    path: Annotated[Path, typer.Argument(help="A results folder, or the folder of a matrix in it.")] = Path("results"),
    out: Annotated[Path, typer.Option("--out", help="Folder of the reports, with a folder for each matrix.")] = Path(
        "reports"
    ),
    margin: MarginOption = None,
    rule: RuleOption = None,
    judge_by: Annotated[
        str | None,
        typer.Option(
            "--judge-by",
            metavar="RULER",
            help=f"Ruler that choices are judged by: {', '.join(RULERS)}. Default: {DEFAULT_RULER}, or own where some "
            "run was not scored by it.",
        ),
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            help="Formats of figures (png, svg, pdf), of tables (csv, md, tex) and of all rows (parquet), separated "
            "by commas.",
        ),
    ] = "png,svg,pdf,csv,md,tex,parquet",
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Serve the reports on this machine, and update them as runs start and end."),
    ] = False,
    plugins: PluginsOption = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help=f"Port of --watch on 127.0.0.1. Default: {PORT}; 0 takes any that is free."
        ),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            parser=parse_duration,
            metavar="TIME",
            help=f"How often --watch looks for changes. Default: {INTERVAL:.0f}s.",
        ),
    ] = None,
) -> None:
    """Turn results into figures, tables and one offline page for each matrix.

    With --watch the command runs until Ctrl-C, and open pages reload when the report changes.
    """
    from dcbench.report.writing import FORMATS, ReportSettings, write_report

    chosen = tuple(word for word in map(str.strip, formats.split(",")) if word)
    for word in chosen:
        if word not in FORMATS:
            raise typer.BadParameter(f"--format {formats}: {unknown_name('format', word, FORMATS)}")
    if judge_by is not None and judge_by not in RULERS:
        raise typer.BadParameter(f"--judge-by {judge_by}: {unknown_name('ruler', judge_by, RULERS)}")
    settings = ReportSettings(outcomes=parse_margins(margin), rules=parse_rules(rule), ruler=judge_by, formats=chosen)
    write = partial(write_report, out=out, settings=settings)
    if watch:
        _watch(path, out, write, PORT if port is None else port, INTERVAL if every is None else every)
        return
    if port is not None or every is not None:
        raise typer.BadParameter(f"{'--port' if every is None else '--every'} means something only with --watch")
    failed = False
    for folder in check_distinct_names(find_matrix_dirs(path)):
        try:
            written = write(folder)
        except ResultsError as error:  # the other matrices still get their reports
            print_error(error)
            failed = True
            continue
        for note in written.notes:
            print(f"warning: {note}", file=sys.stderr)
        print(f"{plural(written.counts.total(), 'run')}, {written.counts['done']} done: {written.page}")
    if failed:
        raise typer.Exit(2)


def _watch(path: Path, out: Path, write: Callable[[MatrixDir], WrittenReport], port: int, interval: float) -> None:
    """Serve the reports and keep them up to date until the user ends it."""
    from dcbench.report.watch.reports import Reports
    from dcbench.report.watch.server import serve_reports

    reports = Reports(path, out, write)
    with _catch_stop_signals() as signals, serve_reports(reports, port) as url:
        print(f"{url} has the reports of {path}; Ctrl-C ends it", flush=True)
        os.nice(NICENESS)  # of this thread only; the server's thread keeps its priority
        for message in reports.follow(interval):
            if message.is_error:
                print(f"error: {message.text}", file=sys.stderr, flush=True)
            else:
                print(message.text, flush=True)
            if signals:
                break


@contextmanager
def _catch_stop_signals() -> Iterator[list[int]]:
    """End the block without a traceback on Ctrl-C or SIGTERM, and yield the list of signals received so far.

    The list is needed because Python only prints an exception that is raised while it deletes an object.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.default_int_handler(number, frame)

    # A shell starts background jobs with SIGINT ignored, so its handler has to be set, too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with suppress(KeyboardInterrupt):
        yield received
    print("stopped; the reports stay as they are")
