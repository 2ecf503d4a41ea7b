"""`dcbench inspect`: draw what one run learned."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import DataDirOption, PluginsOption, RunDeviceOption, RunThreadsOption
from dcbench.cli.rerun import make_replay_settings, run_replays
from dcbench.core.store.files import explain_os_error, explain_unwritable
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import DataError, ResultsError
from dcbench.execution import downloads
from dcbench.execution.device_selection import make_single_config
from dcbench.inspect.subject import Check, InspectedRun, check_replay, read_inspected_run
from dcbench.replay.rerun import compare_replays, open_replay_folder, plan_replays, read_original


def inspect(
    path: Annotated[Path, typer.Argument(help="Folder of a run, which is only read.", metavar="RUN")],
    replay: Annotated[
        bool,
        typer.Option("--replay", help="Repeat the run in a temporary folder, to get the weights that it did not keep."),
    ] = False,
    clusters: Annotated[int, typer.Option(min=1, help="Number of clusters to show, the largest first.")] = 20,
    out: Annotated[Path, typer.Option("--out", help="Folder of the reports, with a folder for each matrix.")] = Path(
        "reports"
    ),
    data_dir: DataDirOption = None,
    plugins: PluginsOption = None,
    device: RunDeviceOption = None,
    threads: RunThreadsOption = None,
) -> None:
    """Draw what one run learned: filters and the images they respond to, clusters, confusion with labels, a map.

    This needs the weights of the run, which `dcbench run` keeps only with --keep-weights; --replay repeats the run.
    """
    if replay:
        original = read_original(path)
        settings = make_replay_settings(original, 1, data_dir, device, threads, keep_weights=True)
        target = _make_target(out, path)
        with open_replay_folder(None, original) as folder:
            planned = plan_replays(original, folder, 1)
            run_replays(planned, settings)
            (repetition,) = compare_replays(original, planned).replays
            check = check_replay(path, repetition)
            run = read_inspected_run(planned[0].folder.path, user_path=path)
            _write_page(run, settings.config, clusters, target, [check])
        return
    run = read_inspected_run(path)
    config = make_single_config(device or run.device, data_dir, threads=threads or run.threads)
    _write_page(run, config, clusters, _make_target(out, path), [])


def _make_target(out: Path, run: Path) -> Path:
    """Make the folder of the page; called before anything slow, so that a wrong --out fails at once."""
    resolved = run.resolve()
    target = out / resolved.parent.name / "inspect" / resolved.name
    with explain_os_error(target, "--out"):
        target.mkdir(parents=True, exist_ok=True)
    if problem := explain_unwritable(target):
        raise ResultsError(f"{target}: {problem}; choose a folder you can write with --out")
    return target


def _write_page(run: InspectedRun, config: WorkerConfig, clusters: int, target: Path, checks: Sequence[Check]) -> None:
    """Measure and draw the run, and print warnings and missing figures; `checks` come first on the page."""
    from dcbench.inspect.page import write_page

    if run.source == "assignment":
        from dcbench.inspect.result import inspect_assignment

        result = inspect_assignment(run)
    else:
        if problem := downloads.fetch(run.spec.dataset, config.data_dir):
            raise DataError(problem)
        # Imported here because torch takes seconds to load, and an assignment needs no torch.
        from dcbench.inspect.measuring import measure_run

        result = measure_run(run, config, clusters)
    with explain_os_error(target, "--out"):
        result.with_checks(checks).save(target / "learned.npz")
        page = write_page(target)
    for warning in page.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for title, reason in page.missing.items():
        print(f"not drawn: {title}: {reason}", file=sys.stderr)
    if page.replay_hint:
        print(page.replay_hint, file=sys.stderr)
    print(f"page: {page.path}")
