"""`dcbench inspect`: pictures of what one run learned."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import DataDir, RunDevice, RunThreads
from dcbench.cli.repeat import options_for, repeat
from dcbench.core import devices
from dcbench.core.store.files import explain_os_error, explain_unwritable
from dcbench.errors import DataError, ResultsError
from dcbench.execution.executors import Options, default_data_dir
from dcbench.execution.scheduler import downloads
from dcbench.inspect.subject import Check, InspectedRun, read_subject, repetition
from dcbench.replay import rerun as replays
from dcbench.replay.rerun import Original


def inspect(
    path: Annotated[Path, typer.Argument(help="The folder of a run; it is only read.", metavar="RUN")],
    replay: Annotated[
        bool, typer.Option("--replay", help="Do the run again in a temporary folder, for the weights it did not keep.")
    ] = False,
    clusters: Annotated[int, typer.Option(min=1, help="Clusters to show, the largest first.")] = 20,
    out: Annotated[Path, typer.Option("--out", help="Where reports are written, a folder for each matrix.")] = Path(
        "reports"
    ),
    data_dir: DataDir = None,
    device: RunDevice = None,
    threads: RunThreads = None,
) -> None:
    """Draw what one run learned: filters, what they answer to, clusters, confusion with the labels, a map.

    This needs the run's weights, which dcbench run keeps only with --keep-weights; --replay does the run again.
    """
    if replay:
        run = replays.original(path)
        options = options_for(run, 1, data_dir, device, threads, keep_weights=True)
        _repeated(run, path, options, clusters, _target(out, path))
        return
    subject = read_subject(path)
    kind, gpus = devices.resolve_device(device or subject.device)
    place = (data_dir or default_data_dir()).absolute()
    options = Options(place, kind, gpus[:1], threads=threads or subject.threads)
    _write(subject, options, clusters, _target(out, path))


def _target(out: Path, run: Path) -> Path:
    """The folder of the page, made before anything long is done."""
    home = run.resolve()
    target = out / home.parent.name / "inspect" / home.name
    with explain_os_error(target, "--out"):
        target.mkdir(parents=True, exist_ok=True)
    if problem := explain_unwritable(target):
        raise ResultsError(f"{target}: {problem}; choose a folder you can write with --out")
    return target


def _repeated(run: Original, home: Path, options: Options, clusters: int, target: Path) -> None:
    """Do the run again, and look at the repetition; the page says how it stands to the run itself."""
    with replays.workplace(None, run) as place:
        entries = replays.copies(run, place, 1)
        repeat(entries, options)
        (told,) = replays.judge(run, entries).replays
        note = repetition(home, told)
        _write(read_subject(entries[0].folder.path, home), options, clusters, target, note)


def _write(subject: InspectedRun, options: Options, clusters: int, target: Path, *notes: Check) -> None:
    """Gather what the run shows, draw it, and tell what is missing or not as it should be."""
    from dcbench.inspect import page

    _gather(subject, options, clusters, target / "learned.npz", notes)
    with explain_os_error(target, "--out"):
        written = page.write(target)
    for warning in written.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for title, reason in written.missing.items():
        print(f"not drawn: {title}: {reason}", file=sys.stderr)
    if written.way_out:
        print(written.way_out, file=sys.stderr)
    print(f"page: {written.page}")


def _gather(subject: InspectedRun, options: Options, clusters: int, file: Path, notes: Sequence[Check]) -> None:
    """Write what the run shows; without weights its last assignment, which needs neither torch nor the images."""
    if subject.source == "assignment":
        from dcbench.inspect import result

        found = result.of_assignment(subject)
    else:
        if problem := downloads.fetch(subject.spec.dataset, options.data_dir):
            raise DataError(problem)
        from dcbench.inspect import measuring

        found = measuring.inspect(subject, options, clusters)
    with explain_os_error(file, "--out"):
        found.noted(*notes).save(file)
