"""`dcbench status`: show the state of every planned run, the details of one run, or the difference of two runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import JsonOption, print_error
from dcbench.cli.terminal.plan import show_changed_plugins
from dcbench.cli.terminal.states import list_predictions, show_environment, show_run, show_score, show_states
from dcbench.core.store.provenance import extract_environment
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import open_run_dir, read_rows
from dcbench.core.store.status import count_states, find_matrix_dirs, read_planned_runs, read_stored_plan
from dcbench.errors import ResultsError
from dcbench.replay.run_diff import compare_runs
from dcbench.replay.terminal import show_comparison


def status(
    path: Annotated[
        Path, typer.Argument(help="A results folder, the folder of a matrix in it, or the folder of a run.")
    ] = Path("results"),
    other: Annotated[Path | None, typer.Argument(help="Folder of another run, to show how the two differ.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the state of every planned run, the details of one run, or how two runs differ."""
    if other is not None:
        show_difference(path, other, as_json)
    elif RunDir(path).spec_file.exists():
        show_one_run(open_run_dir(path), as_json)
    else:
        show_matrices(path, as_json)


def show_matrices(path: Path, as_json: bool) -> None:
    """Show the planned runs of all matrices at `path`; a matrix that cannot be read does not hide the others."""
    summary: dict[str, dict[str, float]] = {}
    has_error = False
    for folder in find_matrix_dirs(path):
        try:
            plan = read_stored_plan(folder)
        except ResultsError as error:
            print_error(error)
            has_error = True
            continue
        runs = read_planned_runs(plan, folder)
        predictions = list_predictions(runs)
        summary[plan.name] = {
            "runs": len(plan.planned),
            **count_states(runs),
            "predicted_runs": len(predictions),
            "predicted_seconds": sum(predicted for predicted, _ in predictions),
            "taken_seconds": sum(actual for _, actual in predictions),
        }
        if not as_json:
            show_states(plan.name, runs)
            show_changed_plugins(runs)
    if as_json:
        print(json.dumps(summary))
    if has_error:
        raise typer.Exit(2)


def show_one_run(folder: RunDir, as_json: bool) -> None:
    """Show one run: its spec, its state, its scores and its environment."""
    spec = folder.read_spec()
    state = folder.read_planned_state(spec)
    if as_json:
        facts = {"run_id": spec.run_id, "state": state.name, "kind": state.kind, "reason": state.reason}
        environment = extract_environment(folder.read_provenance())
        print(json.dumps(facts | {"last_lines": state.last_lines, "provenance": environment}))
        return
    # The run first: a damaged file among those that follow ends the command.
    show_run(folder, spec, state)
    if state.name == "done":
        show_score(read_rows(folder), spec)
    show_environment(extract_environment(folder.read_provenance()))


def show_difference(path: Path, other: Path, as_json: bool) -> None:
    """Show how two runs differ: in their specs, their environments and their metrics."""
    first, second = open_run_dir(path), open_run_dir(other)
    comparison = compare_runs(first, second)
    if as_json:
        print(json.dumps({"runs": [str(first.path), str(second.path)]} | comparison.as_json()))
    else:
        show_comparison(first, second, comparison)
