"""Run folders read into one tidy frame.

In: a matrix's results folder. Out: a Results, whose `rows` has a line for each run and epoch and whose
`runs` a line for each planned run, done or not. Nothing on disk is trusted: what cannot be read is told in `notes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from dcbench.analysis import run_files
from dcbench.analysis.parallel import map_in_parallel
from dcbench.analysis.run_files import RunFiles
from dcbench.core.columns import COLUMNS
from dcbench.core.spec import RunSpec
from dcbench.core.store import status as ledgers
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.status import MatrixStatus, PlannedRun
from dcbench.errors import ResultsError
from dcbench.parity.table import MEASURES, PARITY_COLUMNS, PARITY_STAGES


@dataclass(frozen=True)
class Results:
    """What a matrix came to.

    `runs`: run_id, state, kind, reason, last_lines, seconds, timing (shared, exclusive or not recorded: whether other
    runs were on the device meanwhile), health with since when and why, the spec's fields and `backend`.
    `rows`: the columns of metrics.csv with the same fields, texts as categories, done runs only.
    `axes`: each varied field with its values in the plan's order; `groups`: the axes, fields that move together as one.
    `baselines`: what `runs` says, and the last row, of each baseline run; `chance`: a line for each dataset.
    `parity`: every table that `dcbench parity` has written beside this matrix, one after another.
    """

    name: str
    varied: dict[str, list[object]]
    runs: pd.DataFrame
    rows: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    baselines: pd.DataFrame = field(default_factory=pd.DataFrame)
    chance: pd.DataFrame = field(default_factory=pd.DataFrame)
    parity: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(PARITY_COLUMNS)))
    groups: tuple[tuple[str, ...], ...] = ()


def read_results(folder: MatrixDir) -> Results:
    """Read every planned run; runs that are no longer planned are left out, and counted in the notes."""
    return collect_results(ledgers.read_status(folder))


def collect_results(ledger: MatrixStatus) -> Results:
    """Read the runs of a ledger; one that has changed since is what it is now."""
    plan, folder = ledger.plan, ledger.folder
    runs = _Runs(len(plan.runs), np.empty((len(COLUMNS), count_planned_rows(ledger))))
    for part in map_in_parallel(run_files.read_run_files, ledger.runs, count_planned_rows(ledger)):
        runs.add(part)
    stray = _stray(folder, {entry.folder.path.name for entry in ledger.runs})
    if stray:
        runs.notes.append(f"{folder.path}: {stray} runs that the matrix no longer plans were left out")
    varied = {name: values for name, values in plan.axes.items() if len(values) > 1}
    tables = (*runs.of_cells(), runs.notes, runs.of_baselines(), _chance(ledger.done), _parity(folder, runs.notes))
    return Results(plan.name, varied, *tables, plan.groups)


def count_planned_rows(ledger: MatrixStatus) -> int:
    """Rows that the finished runs should have together."""
    return sum(entry.spec.epochs + 1 for entry in ledger.done)


def _parity(folder: MatrixDir, notes: list[str]) -> pd.DataFrame:
    """The tables of `dcbench parity` in the same results folder; one that cannot be read is told in the notes."""
    tables = []
    for file in sorted((folder.path.absolute().parent / "parity").glob("*.csv")):
        try:
            table = pd.read_csv(file)
            table = table[list(PARITY_COLUMNS)]
            tables.append(table[table["stage"].isin(PARITY_STAGES) & table["measure"].isin(MEASURES)])
        except (OSError, ValueError, KeyError) as error:
            notes.append(f"{file} cannot be read: {' '.join(str(error).split())}; measure it again with dcbench parity")
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(PARITY_COLUMNS))


def _chance(done: list[PlannedRun]) -> pd.DataFrame:
    """Scores of random clusters for each dataset, from the first run that tells them."""
    found: dict[str, dict[str, Any]] = {}
    for entry in done:
        if entry.spec.dataset not in found:
            facts = (entry.folder.read_audit() or {}).get("chance")
            if facts and isinstance(facts, dict):
                found[entry.spec.dataset] = {"dataset": entry.spec.dataset, **facts}
    return pd.DataFrame(list(found.values()))


# --- many runs in one table -----------------------------------------------------------------


@dataclass
class _Runs:
    """What is told of each run so far, those of the cells first, and the rows of the finished ones in one array.

    A million rows of 56 columns are 450 MB: they are put in place once, their run's texts beside them as categories.
    """

    cells: int
    metrics: np.ndarray
    told: list[dict[str, Any]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, part: RunFiles) -> None:
        """Take the next runs, in the plan's order."""
        start = sum(self.counts)
        self.metrics[:, start : start + part.metrics.shape[1]] = part.metrics
        self.told += part.facts
        self.counts += part.counts
        self.notes += part.notes

    def of_cells(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The runs of the cells, and their rows with what is told of each run beside them."""
        counts = self.counts[: self.cells]
        runs = pd.DataFrame(self.told[: self.cells])
        metrics = pd.DataFrame(self.metrics[:, : sum(counts)].T, columns=list(COLUMNS), copy=False)
        beside = _typed(runs[np.array(counts) > 0])
        beside = beside.take(np.repeat(np.arange(len(beside)), [count for count in counts if count]))
        return runs, pd.concat([metrics, beside.reset_index(drop=True)], axis=1)

    def of_baselines(self) -> pd.DataFrame:
        """What is told of each baseline run, with its last row; without baselines no table."""
        if len(self.told) == self.cells:
            return pd.DataFrame()
        finished = np.flatnonzero(self.counts[self.cells :])
        ends = (np.cumsum(self.counts)[self.cells :] - 1)[finished]
        last = pd.DataFrame(self.metrics[:, ends].T, columns=list(COLUMNS), index=finished)
        told = pd.DataFrame(self.told[self.cells :])
        return pd.concat([told, last.reindex(told.index)], axis=1)


def _typed(runs: pd.DataFrame) -> pd.DataFrame:
    """The frame with texts as categories in the plan's order; a field without any value, say `limit`, is a number."""
    kept = {name for name in runs if is_numeric_dtype(runs[name])}
    none = {name for name in RunSpec.model_fields if runs[name].isna().all()}
    texts = [str(name) for name in runs if name not in kept | none]
    ordered = {name: pd.Categorical(runs[name], pd.Index(runs[name].dropna().unique(), dtype="str")) for name in texts}
    return runs.astype(dict.fromkeys(none, float)).assign(**ordered)


def _stray(folder: MatrixDir, planned: set[str]) -> int:
    try:
        names = {path.name for path in folder.path.iterdir()}
    except OSError as error:
        raise ResultsError(f"{folder.path}: {error.strerror}; it went away while it was read") from None
    return sum(folder.run_dir(name).spec_file.exists() for name in names - planned)
