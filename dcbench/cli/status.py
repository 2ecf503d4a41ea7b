"""`dcbench status`: how planned runs stand, what one is made of, what two differ in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import AsJson, tell
from dcbench.cli.terminal.states import list_predictions, show_environment, show_run, show_score, show_states
from dcbench.core.store import provenance, run_record
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.status import count_states, find_matrix_dirs, read_planned_runs, read_stored_plan
from dcbench.errors import ResultsError
from dcbench.replay import run_diff
from dcbench.replay.terminal import show_comparison


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
        _status_of_run(run_record.open_run_dir(path), as_json)
        return
    summary: dict[str, dict[str, float]] = {}
    broken = False
    for folder in find_matrix_dirs(path):
        try:
            planned = read_stored_plan(folder)
        except ResultsError as error:
            broken = tell(error)
            continue
        runs = read_planned_runs(planned, folder)
        timed = list_predictions(runs)
        summary[planned.name] = {
            "runs": len(planned.planned),
            **count_states(runs),
            "predicted_runs": len(timed),
            "predicted_seconds": sum(foreseen for foreseen, _ in timed),
            "taken_seconds": sum(taken for _, taken in timed),
        }
        if not as_json:
            show_states(planned.name, runs)
    if as_json:
        print(json.dumps(summary))
    if broken:
        raise typer.Exit(2)


def _status_of_run(folder: RunDir, as_json: bool) -> None:
    spec = folder.read_spec()
    state = folder.read_planned_state(spec)
    if as_json:
        told: dict[str, object] = {"run_id": spec.run_id, "state": state.name, "kind": state.kind}
        told |= {"reason": state.reason, "last_lines": state.last_lines}
        print(json.dumps(told | {"provenance": provenance.extract_environment(folder.read_provenance())}))
    else:
        show_run(folder, spec, state)  # before the next can say that a file is torn
        if state.name == "done":
            show_score(run_record.read_rows(folder), spec)
        show_environment(provenance.extract_environment(folder.read_provenance()))


def _status_of_two(path: Path, other: Path, as_json: bool) -> None:
    ours, theirs = run_record.open_run_dir(path), run_record.open_run_dir(other)
    found = run_diff.compare_runs(ours, theirs)
    if as_json:
        print(json.dumps({"runs": [str(ours.path), str(theirs.path)]} | found.as_json()))
    else:
        show_comparison(ours, theirs, found)
