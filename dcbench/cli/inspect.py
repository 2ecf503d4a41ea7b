"""`dcbench inspect`: pictures of what one run learned."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import DataDir, RunDevice, RunThreads
from dcbench.cli.rerun import make_replay_settings, run_replays
from dcbench.core import devices
from dcbench.core.store.files import explain_os_error, explain_unwritable
from dcbench.core.worker_config import WorkerConfig, default_data_dir
from dcbench.errors import DataError, ResultsError
from dcbench.execution.scheduler import SchedulerSettings, downloads
from dcbench.inspect.subject import Check, InspectedRun, read_subject, repetition
from dcbench.replay.rerun import OriginalRun, compare_replays, open_replay_folder, plan_replays, read_original


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
        run = read_original(path)
        settings = make_replay_settings(run, 1, data_dir, device, threads, keep_weights=True)
        _repeated(run, path, settings, clusters, _target(out, path))
        return
    subject = read_subject(path)
    kind, gpus = devices.resolve_device(device or subject.device)
    place = (data_dir or default_data_dir()).absolute()
    config = WorkerConfig(
        data_dir=place, device=kind, gpu=gpus[0].uuid if gpus else "", threads=threads or subject.threads
    )
    _write(subject, config, clusters, _target(out, path))


def _target(out: Path, run: Path) -> Path:
    """The folder of the page, made before anything long is done."""
    home = run.resolve()
    target = out / home.parent.name / "inspect" / home.name
    with explain_os_error(target, "--out"):
        target.mkdir(parents=True, exist_ok=True)
    if problem := explain_unwritable(target):
        raise ResultsError(f"{target}: {problem}; choose a folder you can write with --out")
    return target


def _repeated(run: OriginalRun, home: Path, settings: SchedulerSettings, clusters: int, target: Path) -> None:
    """Do the run again, and look at the repetition; the page says how it stands to the run itself."""
    with open_replay_folder(None, run) as place:
        entries = plan_replays(run, place, 1)
        run_replays(entries, settings)
        (told,) = compare_replays(run, entries).replays
        note = repetition(home, told)
        _write(read_subject(entries[0].folder.path, home), settings.config, clusters, target, note)


def _write(subject: InspectedRun, config: WorkerConfig, clusters: int, target: Path, *notes: Check) -> None:
    """Gather what the run shows, draw it, and tell what is missing or not as it should be."""
    from dcbench.inspect import page

    _gather(subject, config, clusters, target / "learned.npz", notes)
    with explain_os_error(target, "--out"):
        written = page.write(target)
    for warning in written.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for title, reason in written.missing.items():
        print(f"not drawn: {title}: {reason}", file=sys.stderr)
    if written.way_out:
        print(written.way_out, file=sys.stderr)
    print(f"page: {written.page}")


def _gather(subject: InspectedRun, config: WorkerConfig, clusters: int, file: Path, notes: Sequence[Check]) -> None:
    """Write what the run shows; without weights its last assignment, which needs neither torch nor the images."""
    if subject.source == "assignment":
        from dcbench.inspect import result

        found = result.of_assignment(subject)
    else:
        if problem := downloads.fetch(subject.spec.dataset, config.data_dir):
            raise DataError(problem)
        from dcbench.inspect import measuring

        found = measuring.inspect(subject, config, clusters)
    with explain_os_error(file, "--out"):
        found.noted(*notes).save(file)
