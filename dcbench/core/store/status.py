"""Read the state of every planned run of a matrix, and read and replace the plan of a results folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dcbench import registry
from dcbench.core.matrix.expand import Plan, read_matrix
from dcbench.core.spec import RunSpec
from dcbench.core.store.provenance import extract_environment
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.run_state import STATES, RunState
from dcbench.errors import MatrixError, ResultsError


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A planned run, its folder, and its state at the time of reading."""

    spec: RunSpec
    folder: RunDir
    state: RunState


@dataclass(frozen=True, kw_only=True)
class MatrixStatus:
    """A results folder at one moment: its stored plan, and the state of every planned run."""

    folder: MatrixDir
    plan: Plan
    runs: list[PlannedRun]

    @property
    def done(self) -> list[PlannedRun]:
        """The finished runs."""
        return [run for run in self.runs if run.state.name == "done"]


@dataclass(frozen=True, kw_only=True)
class PlanChange:
    """Numbers of runs that a changed matrix keeps, adds and no longer plans."""

    kept: int
    added: int
    dropped: int


def read_status(folder: MatrixDir) -> MatrixStatus:
    """Return the stored plan of a results folder, and the state of its runs now."""
    plan = read_stored_plan(folder)
    return MatrixStatus(folder=folder, plan=plan, runs=read_planned_runs(plan, folder))


def read_planned_runs(plan: Plan, folder: MatrixDir) -> list[PlannedRun]:
    """Return every planned run with its state, in the order of the plan, baselines last."""
    folders = [(spec, folder.run_dir(spec.run_id)) for spec in plan.planned]
    return [PlannedRun(spec=spec, folder=run_dir, state=run_dir.read_planned_state(spec)) for spec, run_dir in folders]


def count_states(runs: Iterable[PlannedRun]) -> dict[str, int]:
    """Return the number of runs in each state, 0 included; the numbers sum to the plan."""
    counts = Counter(run.state.name for run in runs)
    return {name: counts[name] for name in STATES}


def count_changed_plugins(runs: Iterable[PlannedRun]) -> dict[str, int]:
    """Return the user's own plug-ins that have changed since finished runs used them -> the number of these runs."""
    done = [run for run in runs if run.state.name == "done"]
    used = dict.fromkeys(pair for run in done for pair in run.spec.plugins)
    plugins = {f"{kind}/{name}": registry.find(kind, name) for kind, name in used}
    digests = {f"plugin {name}": registry.read_digest(plugin) for name, plugin in plugins.items() if plugin.sha256}
    changed: Counter[str] = Counter()
    for run in done if digests else ():
        with suppress(ResultsError):
            recorded = extract_environment(run.folder.read_provenance())
            changed.update(
                name.removeprefix("plugin ")
                for name, digest in digests.items()
                if name in recorded and recorded[name] != digest
            )
    return dict(changed)


def read_stored_plan(folder: MatrixDir) -> Plan:
    """Return the plan that the results in a folder belong to."""
    if not folder.matrix_file.exists():
        raise ResultsError(f"{folder.path}: holds no matrix.yaml, so it is not the results folder of a matrix")
    folder.remember_plugins()
    try:
        # A stored plan names its precision, so this value is never used.
        plan = read_matrix(folder.matrix_file, precision="float32", use_plugins=False)
    except MatrixError as error:
        raise ResultsError(f"{error}\nThe stored plan cannot be read; put the matrix file back in its place") from None
    if plan.name != folder.path.resolve().name:
        raise ResultsError(
            f"{folder.matrix_file}: is the plan of {plan.name!r}, in a folder of another name; rename the folder"
        )
    return plan


def store_plan(plan: Plan, folder: MatrixDir) -> PlanChange:
    """Make `plan` the plan of the folder; refuse if no run of the stored plan is left in it."""
    old = set(read_stored_plan(folder).run_ids) if folder.matrix_file.exists() else set()
    new = set(plan.run_ids)
    if old and not old & new:
        raise ResultsError(
            f"{folder.path}: holds {len(old)} runs of another matrix named {plan.name!r}, none of which this one "
            "plans (the precision differs between a CPU and a GPU, too). Give this matrix a name of its own, or "
            "choose another folder with --results"
        )
    folder.write_matrix(plan.text)
    folder.write_plugins(registry.describe_own_plugins(pair for spec in plan.planned for pair in spec.plugins))
    return PlanChange(kept=len(old & new), added=len(new - old), dropped=len(old - new))


def find_matrix_dirs(path: Path) -> list[MatrixDir]:
    """Return the matrix folder at `path`, or else all matrix folders in it."""
    if not path.is_dir():
        raise ResultsError(f"{path}: no such results folder; run a matrix first, or name another with --results")
    if MatrixDir(path).matrix_file.exists():
        return [MatrixDir(path)]
    folders = []
    for folder in map(MatrixDir, sorted(path.iterdir())):
        # A folder that may not be entered, such as lost+found, is not one of ours.
        with suppress(PermissionError):
            if folder.matrix_file.exists():
                folders.append(folder)
    if not folders:
        raise ResultsError(f"{path}: holds no results of a matrix (no matrix.yaml in it or in its folders)")
    return folders


def check_distinct_names(folders: Sequence[MatrixDir]) -> Sequence[MatrixDir]:
    """Return the folders; raise ResultsError if two of them are matrices of one name, which have one report."""
    # Through symbolic links, folders of different names can hold matrices of the same name.
    names = Counter(folder.path.resolve().name for folder in folders)
    for name, count in names.items():
        if count > 1:
            paths = ", ".join(str(folder.path) for folder in folders if folder.path.resolve().name == name)
            raise ResultsError(
                f"{paths}: are all called {name!r}; report them one by one, each with an --out of its own"
            )
    return folders
