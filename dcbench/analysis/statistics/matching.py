"""Match runs that differ in one axis only, and lay them out so that every seed has every cell.

In: a frame with a row for each run. Out: arrays `(values, seeds, cells)` without a gap, and the number of matched runs
that were left out to close the gaps.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
RowNumbers = npt.NDArray[np.intp]

NONE = -1
"""Stands for a run that does not exist."""

MIN_SEEDS = 3
"""The fewest seeds that give an interval and a verdict; fewer give a mean only."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The numbers `(values, seeds, cells)` of the frame's rows, NONE where no such run exists, and the values.

    Where several axes are laid out, the values are tuples.
    """

    lines: RowNumbers
    values: tuple[Hashable, ...]

    def select(self, values: Sequence[Hashable]) -> RowNumbers:
        """Return the row numbers `(values, seeds, cells)` of these values."""
        return self.lines[[self.values.index(value) for value in values]]


@dataclass(frozen=True, kw_only=True)
class MatchedRuns:
    """A metric `(values, seeds, cells)` of the runs that every value has, and the numbers of their rows.

    `left_out` is how many matched runs of each value were dropped so that every seed has every cell.
    """

    metric: Floats
    lines: RowNumbers
    left_out: int

    @property
    def seeds(self) -> int:
        """The number of seeds, the same for each cell."""
        return int(self.metric.shape[1])

    @property
    def cells(self) -> int:
        """The number of cells, the same for each seed."""
        return int(self.metric.shape[2])

    @property
    def counts(self) -> dict[str, int]:
        """The columns of a table that say what a mean over these runs is over."""
        return {"cells": self.cells, "seeds": self.seeds, "left_out": self.left_out}


def make_grid(frame: pd.DataFrame, axes: Sequence[str], other_axes: Sequence[str]) -> Grid:
    """Lay out the runs by the values of `axes`, by seed, and by cell of `other_axes`."""
    # Each row is one run, so its three numbers are its place.
    value, values = _number_rows(frame, axes)
    cell, cells = _number_rows(frame, other_axes)
    seed, seeds = _number_rows(frame, ["seed"])
    lines = np.full((len(values), len(seeds), max(1, len(cells))), NONE, dtype=np.intp)
    lines[value, seed, cell] = np.arange(len(frame))
    return Grid(lines=lines, values=tuple(value[0] if len(axes) == 1 else value for value in values))


def _number_rows(frame: pd.DataFrame, names: Sequence[str]) -> tuple[RowNumbers, list[tuple[Any, ...]]]:
    """Number the rows by their values in these columns, and return the values of each number."""
    if not names:
        return np.zeros(len(frame), dtype=np.intp), [()]
    groups = frame.groupby(list(names), sort=False, dropna=False, observed=True)
    heads: pd.DataFrame = groups.head(1)[list(names)]
    # pandas turns None into NaN among numbers, but as the value of a field (`limit`) None is itself.
    values = [
        tuple(None if pd.isna(value) else value for value in head) for head in heads.itertuples(index=False, name=None)
    ]
    return groups.ngroup().to_numpy().astype(np.intp), values


def match_runs(grid: Grid, metric: Floats, values: Sequence[Hashable]) -> MatchedRuns:
    """Return the metric of the runs that all these values have, with every cell for every seed.

    `metric` has a number for each row of the frame, NaN where the run lacks it. Where a cell lacks a seed, one of the
    two is dropped, as `find_rectangle` chooses.
    """
    lines = grid.select([value for value in values if value in grid.values])
    # A value without any run matches nothing.
    if len(lines) < len(values):
        lines = np.full((len(values), 0, 0), NONE, dtype=np.intp)
    metric = np.where(lines == NONE, np.nan, metric[lines] if len(metric) else np.nan)
    present = np.logical_not(np.isnan(metric).any(axis=0))
    seeds, cells = find_rectangle(present)
    kept = np.ix_(np.arange(len(values)), seeds, cells)
    return MatchedRuns(metric=metric[kept], lines=lines[kept], left_out=int(present.sum()) - seeds.size * cells.size)


def find_rectangle(present: npt.NDArray[np.bool_]) -> tuple[RowNumbers, RowNumbers]:
    """Return the rows (seeds) and columns (cells) to keep so that no run is missing.

    The largest such rectangle is hard to find (maximum edge biclique), so the row or column that loses the fewest runs
    for each gap goes until no gap is left. Three rows stay, without which there is no interval, as long as that keeps
    at least half as many runs.
    """
    rows, columns = _close_gaps(present, 0)
    if rows.size < MIN_SEEDS <= len(present):
        more_rows, fewer_columns = _close_gaps(present, MIN_SEEDS)
        if 2 * more_rows.size * fewer_columns.size >= rows.size * columns.size > 0:
            return more_rows, fewer_columns
    return rows, columns


def _close_gaps(present: npt.NDArray[np.bool_], min_rows: int) -> tuple[RowNumbers, RowNumbers]:
    """Return rows, at least `min_rows`, and columns without a gap; no columns when that is impossible."""
    rows, columns = np.flatnonzero(present.any(axis=1)), np.flatnonzero(present.any(axis=0))
    while rows.size and columns.size:
        inside = present[np.ix_(rows, columns)]
        if inside.all():
            break
        worst_row, worst_column = int(inside.sum(axis=1).argmin()), int(inside.sum(axis=0).argmin())
        if rows.size > min_rows and _cost(inside[worst_row]) < _cost(inside[:, worst_column]):
            rows = np.delete(rows, worst_row)
        else:
            columns = np.delete(columns, worst_column)
    return rows, columns


def _cost(present: npt.NDArray[np.bool_]) -> float:
    """Return the runs lost for each gap closed when this row or column goes."""
    gaps = int((~present).sum())
    return float(present.sum() / gaps) if gaps else float("inf")


def make_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], value_columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows as a frame that keeps None as None in the columns that hold values of axes."""
    values = {name: pd.Series([row[name] for row in rows], dtype=object) for name in value_columns}
    return pd.DataFrame(list(rows), columns=list(columns)).assign(**values)
