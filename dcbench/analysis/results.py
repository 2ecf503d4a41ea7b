"""Read the run folders of a matrix into tidy frames.

In: the results folder of a matrix. Out: a Results, whose `rows` has a row for each run and epoch and whose `runs` has a
row for each planned run, done or not. Nothing on disk is trusted: `notes` says what cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from dcbench.analysis.parallel import map_in_parallel
from dcbench.analysis.run_files import read_run_files
from dcbench.core.columns import COLUMNS
from dcbench.core.spec import RunSpec, format_value
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.status import MatrixStatus, read_status
from dcbench.core.text import plural
from dcbench.errors import ResultsError
from dcbench.parity.table import MEASURES, PARITY_COLUMNS, PARITY_STAGES


@dataclass(frozen=True, kw_only=True)
class Results:
    """The results of a matrix.

    Attributes:
        varied: Each field that takes several values, with the values in the order of the plan.
        runs: A row for each planned run: run_id, state, kind, reason, last_lines, seconds, timing (whether other runs
            used the device meanwhile: shared, exclusive or not recorded), health with its first epoch and reason, the
            fields of the spec, and `backend`.
        rows: A row for each epoch of each finished run: the columns of metrics.csv and those of `runs`, with texts as
            categories.
        notes: What was wrong with the files.
        baselines: A row for each baseline run: the columns of `runs`, and its last row of metrics.
        chance: The scores of random clusters, a row for each dataset.
        parity: All tables that `dcbench parity` wrote next to this matrix.
        groups: The axes as their fields; several fields of an axis move together.
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

    @property
    def seed_fields(self) -> list[str]:
        """The fields that tell the runs of a cell apart: the seed and, in a matrix with repeats, the repeat."""
        return ["seed", "repeat"] if self.runs["repeat"].any() else ["seed"]


def read_results(folder: MatrixDir) -> Results:
    """Read every planned run; runs that are no longer planned are left out and counted in the notes."""
    return collect_results(read_status(folder))


def collect_results(status: MatrixStatus) -> Results:
    """Read the runs of a status; a run that has changed since is read as it is now."""
    plan, folder = status.plan, status.folder
    # A million rows of 56 columns take 450 MB. They are written to their final place at once, in the order of the plan;
    # to concatenate a frame for each run would copy them again.
    metrics = np.empty((len(COLUMNS), count_planned_rows(status)))
    facts: list[dict[str, Any]] = []
    counts: list[int] = []
    notes: list[str] = []
    for part in map_in_parallel(read_run_files, status.runs, metrics.shape[1]):
        start = sum(counts)
        metrics[:, start : start + part.metrics.shape[1]] = part.metrics
        facts += part.facts
        counts += part.counts
        notes += part.notes

    # The runs of the cells come first, those of the baselines after them.
    cells = len(plan.runs)
    runs = pd.DataFrame(facts[:cells])
    rows = _join_rows(runs, metrics[:, : sum(counts[:cells])], counts[:cells])
    baselines = pd.DataFrame()
    if len(facts) > cells:
        done = np.flatnonzero(counts[cells:])
        last_rows = (np.cumsum(counts)[cells:] - 1)[done]
        scores = pd.DataFrame(metrics[:, last_rows].T, columns=list(COLUMNS), index=done)
        baselines = pd.DataFrame(facts[cells:])
        baselines = pd.concat([baselines, scores.reindex(baselines.index)], axis=1)

    try:
        names = {path.name for path in folder.path.iterdir()} - {run.folder.path.name for run in status.runs}
    except OSError as error:
        raise ResultsError(f"{folder.path}: {error.strerror}; the folder was removed while it was read") from None
    dropped = sum(folder.run_dir(name).spec_file.exists() for name in names)
    if dropped:
        notes.append(f"{folder.path}: left out {plural(dropped, 'run')} that the matrix no longer plans")

    # Chance depends on the dataset only, so the first run that recorded it is enough.
    chance: dict[str, dict[str, Any]] = {}
    for run in status.done:
        if run.spec.dataset not in chance:
            scores_by_chance = (run.folder.read_audit() or {}).get("chance")
            if scores_by_chance and isinstance(scores_by_chance, dict):
                chance[run.spec.dataset] = {"dataset": run.spec.dataset, **scores_by_chance}

    return Results(
        name=plan.name,
        varied={name: values for name, values in plan.axes.items() if len(values) > 1},
        runs=runs,
        rows=rows,
        baselines=baselines,
        chance=pd.DataFrame(list(chance.values())),
        parity=_read_parity(folder, notes),
        notes=notes,
        groups=plan.groups,
    )


def select_first_repeats(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of repeat 0, numbered anew; the frame itself where there is no other repeat."""
    is_first = runs["repeat"] == 0
    return runs if is_first.all() else runs[is_first].reset_index(drop=True)


def format_entry(value: Any) -> str:
    """Return a field of a run as a matrix file has it; frames hold NaN instead of None among numbers."""
    return format_value(None if pd.isna(value) else value)


def join_entries(frame: pd.DataFrame, fields: Sequence[str]) -> list[str]:
    """Return these fields of each run, joined as text: `10, 100`."""
    rows = frame[list(fields)].itertuples(index=False, name=None)
    return [", ".join(map(format_entry, row)) for row in rows]


def count_planned_rows(status: MatrixStatus) -> int:
    """Return how many rows of metrics the finished runs should have together."""
    return sum(run.spec.epochs + 1 for run in status.done)


def _join_rows(runs: pd.DataFrame, metrics: np.ndarray, counts: list[int]) -> pd.DataFrame:
    """Return the rows `(columns, rows)` of the runs as a frame, with the columns of `runs` repeated for each row."""
    done = runs[np.array(counts) > 0]
    numeric = {name for name in done if is_numeric_dtype(done[name])}
    # A field without any value, such as `limit`, becomes a number, as its values are in other matrices.
    empty = {name for name in RunSpec.model_fields if done[name].isna().all()}
    texts = [str(name) for name in done if name not in numeric | empty]
    # A text for each of a million rows would fill memory; a category takes a byte or two. Their order is the plan's.
    categories = {
        name: pd.Categorical(done[name], pd.Index(done[name].dropna().unique(), dtype="str")) for name in texts
    }
    fields = done.astype(dict.fromkeys(empty, float)).assign(**categories)
    fields = fields.take(np.repeat(np.arange(len(fields)), [count for count in counts if count]))
    frame = pd.DataFrame(metrics.T, columns=list(COLUMNS), copy=False)
    return pd.concat([frame, fields.reset_index(drop=True)], axis=1)


def _read_parity(folder: MatrixDir, notes: list[str]) -> pd.DataFrame:
    """Return the tables of `dcbench parity` next to the matrix; a table that cannot be read becomes a note."""
    tables = []
    for file in sorted((folder.path.absolute().parent / "parity").glob("*.csv")):
        try:
            table = pd.read_csv(file)[list(PARITY_COLUMNS)]
            # A later version may know more stages and measures; this one could not show them.
            tables.append(table[table["stage"].isin(PARITY_STAGES) & table["measure"].isin(MEASURES)])
        except (OSError, ValueError, KeyError) as error:
            notes.append(f"{file} cannot be read: {' '.join(str(error).split())}; measure it again with dcbench parity")
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(PARITY_COLUMNS))
