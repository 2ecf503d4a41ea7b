"""Compute the scores of runs again from assignments.npz, and compare them with metrics.csv."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from joblib import Parallel, delayed

from dcbench.analysis.parallel import with_plugins
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.run_record import open_run_dir, parse_number, read_rows
from dcbench.core.store.status import PlannedRun, read_status
from dcbench.errors import ResultsError
from dcbench.recompute.labels import IMAGE_FIELDS, TrueLabels, read_true_labels
from dcbench.recompute.result import TOLERANCE, MatrixResult, RunResult, ValueDiff
from dcbench.recompute.stored_predictions import ARRAYS, OWN, StoredPredictions, read_stored_predictions
from dcbench.training.metrics import cluster_filling, nmi_previous, score_predictions

MIN_PARALLEL_RUNS = 8
"""Fewest runs for which processes are faster; they take seconds to start."""

PART_SIZE = 8
"""Runs of the same images that a process computes together: reading a dataset takes longer than scoring a small run."""


def recompute_matrix(folder: MatrixDir, data_dir: Path) -> MatrixResult:
    """Compute every planned run of a matrix again, on all cores."""
    runs = read_status(folder).runs
    return MatrixResult(name=folder.path.resolve().name, runs=recompute_runs(runs, data_dir))


def recompute_run_dir(path: Path, data_dir: Path) -> MatrixResult:
    """Compute the run in a folder again; the result has only this run of its matrix."""
    folder = open_run_dir(path)
    spec = folder.read_spec()
    run = PlannedRun(spec=spec, folder=folder, state=folder.read_planned_state(spec))
    return MatrixResult(name=folder.path.resolve().parent.name, runs=recompute_runs([run], data_dir))


def recompute_runs(runs: Sequence[PlannedRun], data_dir: Path) -> list[RunResult]:
    """Compute runs again; one whose files are damaged does not hide the others."""
    with_file = sum(run.folder.assignments_file.exists() for run in runs)
    groups: dict[tuple[object, ...], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        groups[tuple(getattr(run.spec, name) for name in IMAGE_FIELDS)].append(run)
    parts = [group[start : start + PART_SIZE] for group in groups.values() for start in range(0, len(group), PART_SIZE)]
    pool = Parallel(n_jobs=-1 if with_file >= MIN_PARALLEL_RUNS else 1, batch_size=1)
    call = delayed(with_plugins(_recompute_part))
    results = {result.run_id: result for part in pool(call(part, data_dir) for part in parts) for result in part}
    return [results[run.folder.path.name] for run in runs]


def _recompute_part(runs: Sequence[PlannedRun], data_dir: Path) -> list[RunResult]:
    """Compute some runs of the same images again; their dataset is read once, and only if it is needed."""
    read_once = cache(lambda: read_true_labels(runs[0].spec, data_dir))
    return [recompute_run(run, read_once) for run in runs]


def recompute_run(run: PlannedRun, read_labels: Callable[[], TrueLabels]) -> RunResult:
    """Compute a run again, or say why it cannot be; `read_labels` returns the labels of the dataset itself."""
    run_id, has_file = run.folder.path.name, run.folder.assignments_file.exists()
    if run.state.name != "done":
        if has_file:
            return RunResult(run_id=run_id, problems=(f"{run.folder.path}: is {run.state.name}. {run.state.reason}",))
        return RunResult(run_id=run_id, not_checked=run.state.name)
    try:
        rows = read_rows(run.folder)
        stored = read_stored_predictions(run.folder, run.spec, rows)
    except ResultsError as error:
        return RunResult(run_id=run_id, problems=(str(error),))
    if stored is None:
        return RunResult(run_id=run_id, not_checked="no assignments.npz")

    differences, value_count, largest = [], 0, 0.0
    for position, epoch in enumerate(stored.epochs):
        recomputed = recompute_row(stored, position, run.spec)
        for column, value in recomputed.items():
            recorded = rows[epoch].get(column, "")
            value_count += recorded != "" or value is not None
            difference = measure_difference(recorded, value)
            if difference <= TOLERANCE:
                largest = max(largest, difference)
            else:
                differences.append(ValueDiff(row=epoch, column=column, recorded=recorded, recomputed=value))

    labels = read_labels()
    problems = labels.find_problems(stored)
    if moved := int((stored.assignment != stored.rows[OWN][-1]).sum()):
        problems.append(f"array 'assignment' differs from the last row of {OWN!r} in {moved} images")
    return RunResult(
        run_id=run_id,
        problems=tuple(str(run.folder.make_assignments_error(problem)) for problem in problems),
        value_count=value_count,
        largest_difference=largest,
        differences=tuple(differences),
        missing_rows=len(rows) - len(stored.epochs),
        unchecked_labels=labels.not_read,
    )


def recompute_row(stored: StoredPredictions, position: int, spec: RunSpec) -> dict[str, float | None]:
    """Return every column of ARRAYS for a row, in the order of metrics.csv; None where no value follows.

    `nmi_previous` is left out where the row before is not kept.
    """
    predictions, epoch = stored.select_row(position), stored.epochs[position]
    values: dict[str, float | None] = dict.fromkeys(ARRAYS)
    values |= score_predictions(predictions, stored.labels, stored.test_labels)
    values |= cluster_filling(predictions[OWN], spec.k)
    if epoch == 0:
        values["nmi_previous"] = nmi_previous(None, predictions[OWN])
    elif stored.epochs[position - 1] == epoch - 1:
        values["nmi_previous"] = nmi_previous(stored.select_row(position - 1)[OWN], predictions[OWN])
    else:
        del values["nmi_previous"]
    return values


def measure_difference(recorded: str, recomputed: float | None) -> float:
    """Return the difference of two values; infinite if only one of them exists or is a number."""
    if recomputed is None or not recorded:
        return 0.0 if recomputed is None and not recorded else math.inf
    difference = abs(parse_number(recorded) - recomputed)
    # NaN would count as equal, because no comparison with it is true.
    return math.inf if math.isnan(difference) else difference
