"""Every planned run and its one state.

In: a plan and its results folder. Out: entries whose counts sum to the plan, and what a
changed matrix of the same name keeps, adds and no longer plans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dcbench.core.matrix.expand import Plan, read_matrix
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.run_state import STATES, RunState
from dcbench.errors import MatrixError, ResultsError


@dataclass(frozen=True)
class PlannedRun:
    """A planned run: what it is, where it lives, how it stands."""

    spec: RunSpec
    folder: RunDir
    state: RunState


@dataclass(frozen=True)
class MatrixStatus:
    """A results folder at one moment: the plan that it belongs to, and every planned run as it stands."""

    folder: MatrixDir
    plan: Plan
    runs: list[PlannedRun]

    @property
    def done(self) -> list[PlannedRun]:
        """The finished runs."""
        return [entry for entry in self.runs if entry.state.name == "done"]


@dataclass(frozen=True)
class PlanChange:
    """How a plan differs from the one stored before it; numbers of runs."""

    kept: int
    added: int
    dropped: int


def read_status(folder: MatrixDir) -> MatrixStatus:
    """The folder's stored plan and how its runs stand now."""
    plan = read_stored_plan(folder)
    return MatrixStatus(folder, plan, read_planned_runs(plan, folder))


def read_planned_runs(plan: Plan, folder: MatrixDir) -> list[PlannedRun]:
    """One entry for each planned run, in the plan's order, baselines last."""
    found = []
    for spec in plan.planned:
        run = folder.run_dir(spec.run_id)
        found.append(PlannedRun(spec, run, run.read_planned_state(spec)))
    return found


def count_states(ledger: list[PlannedRun]) -> dict[str, int]:
    """Runs in each state; the values sum to the plan."""
    tally = Counter(entry.state.name for entry in ledger)
    return {name: tally[name] for name in STATES}


def read_stored_plan(folder: MatrixDir) -> Plan:
    """The plan that the results in a folder belong to."""
    if not folder.matrix_file.exists():
        raise ResultsError(f"{folder.path}: holds no matrix.yaml, so it is not the results folder of a matrix")
    try:
        plan = read_matrix(folder.matrix_file, precision="float32")
    except MatrixError as error:
        raise ResultsError(f"{error}\nThe stored plan cannot be read; put the matrix file back in its place") from None
    if plan.name != folder.path.resolve().name:
        raise ResultsError(
            f"{folder.matrix_file}: is the plan of {plan.name!r}, in a folder of another name; rename the folder"
        )
    return plan


def store_plan(plan: Plan, folder: MatrixDir) -> PlanChange:
    """Make `plan` the folder's plan; refused when none of the runs planned before is left in it."""
    before = set(read_stored_plan(folder).run_ids) if folder.matrix_file.exists() else set()
    now = set(plan.run_ids)
    if before and not before & now:
        raise ResultsError(
            f"{folder.path}: holds {len(before)} runs of another matrix named {plan.name!r}, none of which this one "
            "plans (precision differs between a CPU and a GPU, too). Give this matrix a name of its own, or choose "
            "another folder with --results"
        )
    folder.write_matrix(plan.text)
    return PlanChange(len(before & now), len(now - before), len(before - now))


def find_matrix_dirs(path: Path) -> list[MatrixDir]:
    """The matrix folder at `path`, or all those in it."""
    if not path.is_dir():
        raise ResultsError(f"{path}: no such results folder; run a matrix first, or name another with --results")
    if MatrixDir(path).matrix_file.exists():
        return [MatrixDir(path)]
    inside = [MatrixDir(folder) for folder in sorted(path.iterdir()) if _is_matrix(MatrixDir(folder))]
    if not inside:
        raise ResultsError(f"{path}: holds no results of a matrix (no matrix.yaml in it or in its folders)")
    return inside


def _is_matrix(folder: MatrixDir) -> bool:
    """Whether it holds a plan; a folder that may not be looked into, like lost+found, is none of ours."""
    try:
        return folder.matrix_file.exists()
    except PermissionError:
        return False


def check_distinct_names(folders: Sequence[MatrixDir]) -> Sequence[MatrixDir]:
    """The same folders; ResultsError where two of them, by links, are matrices of one name and so of one report."""
    names = Counter(folder.path.resolve().name for folder in folders)
    for name, how_many in names.items():
        if how_many > 1:
            paths = ", ".join(str(folder.path) for folder in folders if folder.path.resolve().name == name)
            raise ResultsError(
                f"{paths}: are all called {name!r}; report them one by one, each with an --out of its own"
            )
    return folders
