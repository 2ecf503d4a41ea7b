"""The command line: each command parses, calls one function and prints.

Nothing here imports torch, faiss, scikit-learn or torchvision; the report half is imported when it is asked for.
"""

from __future__ import annotations

import json
import math
import shlex
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import dcbench
from dcbench import audit as auditing
from dcbench import devices, ledger, parity_table, rooms, scheduler, screens, verdict
from dcbench import replay as replays
from dcbench.errors import DataError, DcbenchError, DeviceError, ResultsError
from dcbench.executors import Options, default_data_dir
from dcbench.matrix import read_matrix
from dcbench.rundir import MatrixDir, RunDir
from dcbench.screens import parity as parity_screen
from dcbench.screens.audit import show_audit
from dcbench.screens.board import show_end, wait, watch
from dcbench.screens.comparison import show_beside, show_replayed
from dcbench.screens.plan import show_change, show_plan
from dcbench.screens.states import show_made_with, show_run, show_score, show_states

app = typer.Typer(
    help="Compare deep-clustering choices: expand a YAML matrix, run it, report what came out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Executor = StrEnum("Executor", rooms.names("executors"))  # type: ignore[misc]
LOCAL = Executor("local")

MatrixFile = Annotated[Path, typer.Argument(help="The matrix file.", metavar="MATRIX")]
Results = Annotated[Path, typer.Option("--results", help="Where results are kept, a folder for each matrix.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Where datasets are kept. Default: $DCBENCH_DATA, else the user's cache folder.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def main() -> None:
    """Run the command line; errors a user can mend are told without a traceback and exit with 2."""
    try:
        app(standalone_mode=True)
    except DcbenchError as error:
        if _debug["on"]:
            raise
        print(f"error: {error}" if "\n" not in str(error) else f"{error}", file=sys.stderr)
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


@app.command()
def plan(
    matrix: MatrixFile,
    results: Results = Path("results"),
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Expand a matrix: the count after each step, the axes, and which runs are done already."""
    kind, _ = devices.resolve(device)
    planned = read_matrix(matrix, devices.default_precision(kind))
    folder = MatrixDir(results / planned.name)
    counts = ledger.counts(ledger.entries(planned, folder))
    if as_json:
        facts = {"cells": planned.cells, "runs": len(planned.runs), "baselines": len(planned.baselines)}
        print(json.dumps(facts | {"done": counts["done"], "steps": planned.steps}))
    else:
        show_plan(planned, folder, counts)


@app.command()
def run(
    matrix: MatrixFile,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    device: Device = "auto",
    executor: Annotated[Executor, typer.Option(help="How runs are executed.")] = LOCAL,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at once. Default: one a GPU, without a GPU one a core.")
    ] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Also do the runs that are done already.")] = False,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep the last checkpoint of each run (VGG16 at 224 px: 1.1 GB).")
    ] = False,
) -> None:
    """Run what is missing of a matrix. Exit code 0 when every planned run is done or skipped."""
    kind, gpus = devices.resolve(device)
    planned = read_matrix(matrix, devices.default_precision(kind))
    folder = MatrixDir(results / planned.name)
    show_change(ledger.adopt(planned, folder))
    entries = ledger.entries(planned, folder)
    todo = scheduler.left(entries, redo)
    if executor.value == "inline" and jobs not in (None, 1):
        raise DeviceError(f"--jobs {jobs}: the inline executor does one run after another; use --executor local")
    count = 1 if executor.value == "inline" else jobs_at_once(jobs, len(gpus), len(todo))
    options = Options(
        data_dir=(data_dir or default_data_dir()).absolute(),
        device=kind,
        gpus=tuple(gpu.uuid for gpu in gpus),
        jobs=count,
        threads=devices.cores() // count,
        redo=redo,
        keep_weights=keep_weights,
        command=shlex.join(["dcbench", *sys.argv[1:]]),
    )
    finished = watch(scheduler.run(todo, executor.value, options), entries, todo, options)
    counts = ledger.counts(ledger.entries(planned, folder))
    show_end(counts, folder, stopped=not finished, command=options.command)
    if counts["done"] + counts["skipped"] < len(planned.planned):
        raise typer.Exit(1)


def jobs_at_once(asked: int | None, gpus: int, todo: int) -> int:
    """How many runs go on at once: one a GPU, else one a core, and never more than cores or runs."""
    cores = devices.cores()
    if asked is not None and asked > cores:
        raise DeviceError(f"--jobs {asked}: this machine has {cores} cores, and each run needs one")
    return max(1, min(asked or gpus or cores, cores, todo))


@app.command()
def status(
    path: Annotated[Path, typer.Argument(help="A results folder, a matrix's folder in it, or a run's folder.")] = Path(
        "results"
    ),
    other: Annotated[Path | None, typer.Argument(help="Another run's folder: say what the two runs differ in.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show every planned run's state; of a run's folder, what the run is and how it stands; of two, what differs."""
    if other is not None:
        _status_of_two(path, other, as_json)
        return
    if RunDir(path).spec_file.exists():
        _status_of_run(verdict.run_folder(path), as_json)
        return
    summary, broken = {}, False
    for folder in ledger.matrix_folders(path):
        try:
            planned = ledger.stored_plan(folder)
        except ResultsError as error:
            broken = _tell(error)
            continue
        entries = ledger.entries(planned, folder)
        summary[planned.name] = {"runs": len(planned.planned), **ledger.counts(entries)}
        if not as_json:
            show_states(planned.name, entries)
    if as_json:
        print(json.dumps(summary))
    if broken:
        raise typer.Exit(2)


def _status_of_run(found: RunDir, as_json: bool) -> None:
    spec = found.spec()
    state = found.planned_state(spec)
    if as_json:
        told = {"run_id": spec.run_id, "state": state.name, "kind": state.kind, "reason": state.reason}
        print(json.dumps(told | {"provenance": verdict.made_with(found.provenance())}))
    else:
        show_run(found, spec, state)  # before the next can say that a file is torn
        if state.name == "done":
            show_score(verdict.read_rows(found), spec)
        show_made_with(verdict.made_with(found.provenance()))


def _status_of_two(path: Path, other: Path, as_json: bool) -> None:
    ours, theirs = verdict.run_folder(path), verdict.run_folder(other)
    found = verdict.beside(ours, theirs)
    if as_json:
        print(json.dumps({"runs": [str(ours.path), str(theirs.path)]} | found.as_json()))
    else:
        show_beside(ours, theirs, found)


def _tolerance(value: float) -> float:
    if math.isnan(value):
        raise typer.BadParameter("nan is no tolerance")
    return value


@app.command()
def replay(
    path: Annotated[Path, typer.Argument(help="The folder of a run that is done; it is only read.", metavar="RUN")],
    times: Annotated[int, typer.Option(min=1, help="How often to run it again.")] = 2,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: as the run was made.")] = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, max=1, callback=_tolerance, help="Largest difference that counts as equal."),
    ] = verdict.TOLERANCE,
    keep: Annotated[Path | None, typer.Option(help="A new folder to keep the replays in. Default: none kept.")] = None,
    data_dir: DataDir = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or cuda:N. Default: cpu or cuda, as the run was made.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a finished run again elsewhere and compare. Exit code 0 when it comes out the same, 1 when not."""
    run = replays.original(path)
    kind, gpus = devices.resolve(device or run.device)
    count = threads or run.threads
    options = Options(
        data_dir=(data_dir or default_data_dir()).absolute(),
        device=kind,
        gpus=tuple(gpu.uuid for gpu in gpus[:1]),
        jobs=1 if gpus else max(1, min(times, devices.cores() // count)),
        threads=count,
        command=shlex.join(["dcbench", *sys.argv[1:]]),
    )
    with replays.workplace(keep, run) as place:
        entries = replays.copies(run, place, times)
        outcomes = scheduler.run(entries, LOCAL.value, options)
        if not (wait(outcomes) if as_json else watch(outcomes, entries, entries, options)):
            print("stopped; the original is as it was", file=sys.stderr)
            raise typer.Exit(130)
        told = replays.judge(run, entries, tolerance)
    if as_json:
        print(json.dumps({"run": str(run.folder.path), "tolerance": tolerance} | told.as_json()))
    else:
        show_replayed(run, told)
    if not told.reproduced:
        raise typer.Exit(1)


@app.command()
def audit(
    path: Annotated[Path, typer.Argument(help="A results folder, or a matrix's folder in it.")] = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Check that every axis acts and that every run did what its spec says. Exit code 1 when not."""
    audits, broken = [], False
    for folder in ledger.matrix_folders(path):
        try:
            audits.append(auditing.audit(folder))
        except ResultsError as error:
            broken = _tell(error)
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


@app.command()
def report(
    path: Annotated[Path, typer.Argument(help="A results folder, or a matrix's folder in it.")] = Path("results"),
    out: Annotated[Path, typer.Option("--out", help="Where reports are written, a folder for each matrix.")] = Path(
        "reports"
    ),
) -> None:
    """Aggregate results into figures, tables and one offline page for each matrix."""
    from dcbench import report as writer

    broken = False
    for folder in ledger.matrix_folders(path):
        try:
            written = writer.write(folder, out)
        except ResultsError as error:
            broken = _tell(error)
            continue
        for note in written.notes:
            print(f"warning: {note}", file=sys.stderr)
        print(f"{written.runs} runs, {written.done} done: {written.page}")
    if broken:
        raise typer.Exit(2)


@app.command()
def parity(
    dataset: Annotated[str, typer.Option(help="The images whose features are compared on.")] = "mnist",
    limit: Annotated[
        int | None,
        typer.Option(help="How many of them, class-balanced. Default: 10,000, or all where there are fewer."),
    ] = None,
    k: Annotated[str, typer.Option(help="Numbers of clusters.")] = "10,100,1000",
    backends: Annotated[str | None, typer.Option(help="Two or more, like faiss,sklearn. Default: all.")] = None,
    starts: Annotated[int, typer.Option(min=1, help="Starts of k-means, each from other first centroids.")] = 10,
    pca_dim: Annotated[int, typer.Option(help="Dimensions kept by the PCA.")] = 256,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: one a core.")] = None,
) -> None:
    """Compare the backends on real features, pair by pair: PCA, whitening, k-means, their defaults, their seconds."""
    kind, gpus = devices.resolve(device)
    asked = parity_table.asked(dataset, limit, k, backends, starts, pca_dim)
    files = parity_table.ParityFiles(results, asked)
    files.prepare()
    options = Options(
        data_dir=(data_dir or default_data_dir()).absolute(),
        device=kind,
        gpus=tuple(gpu.uuid for gpu in gpus),
        threads=threads or devices.cores(),
        command=shlex.join(["dcbench", *sys.argv[1:]]),
    )
    if problem := scheduler.fetch(dataset, options.data_dir):
        raise DataError(problem)
    from dcbench import parity as comparing

    bench = comparing.prepare(asked, options)
    lines = parity_screen.watch(comparing.measure(bench), screens.console)
    files.write(lines, bench.facts)
    parity_screen.show(lines, asked, screens.console)
    print(f"table: {files.table_file}")


def _tell(error: DcbenchError) -> bool:
    """One folder's error, told without stopping at it."""
    print(f"error: {error}", file=sys.stderr)
    return True


if __name__ == "__main__":
    main()
