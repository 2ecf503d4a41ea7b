"""Runs that differ in one axis alone, found and laid out so that every seed has every cell.

In: a frame with a line for each run. Out: arrays `(values, seeds, cells)` without a gap, and what was left out for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

NONE = -1
"""No such run."""

MIN_SEEDS = 3
"""With fewer there is a point, and neither interval nor verdict."""


@dataclass(frozen=True)
class Grid:
    """Which line of the frame is the run of each value, seed and cell of the other axes; NONE where there is none."""

    lines: Ints
    values: tuple[Hashable, ...]

    def select(self, chosen: Sequence[Hashable]) -> Ints:
        """The lines `(chosen values, seeds, cells)`."""
        return self.lines[[self.values.index(value) for value in chosen]]


@dataclass(frozen=True)
class MatchedRuns:
    """A metric `(values, seeds, cells)`, the frame's lines it stands on, and how many matched runs were left out.

    Left out are the matched runs of a value that had to go so that every seed has every cell.
    """

    metric: Floats
    lines: Ints
    left_out: int

    @property
    def seeds(self) -> int:
        """How many seeds each cell has."""
        return int(self.metric.shape[1])

    @property
    def cells(self) -> int:
        """How many cells each seed has."""
        return int(self.metric.shape[2])


def make_grid(frame: pd.DataFrame, axes: Sequence[str], rest: Sequence[str]) -> Grid:
    """Lay out the runs by the values of `axes` (tuples, when there are several), the seed and the cell of `rest`."""
    value, values = _numbered(frame, axes)
    cell, cells = _numbered(frame, rest)
    seed, seeds = _numbered(frame, ["seed"])
    lines = np.full((len(values), len(seeds), max(1, len(cells))), NONE, dtype=np.intp)
    lines[value, seed, cell] = np.arange(len(frame))
    return Grid(lines, tuple(one[0] if len(axes) == 1 else one for one in values))


def _numbered(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Ints, list[tuple[Any, ...]]]:
    """A number for each line by its values, and the values of each number; None stands for what pandas calls NaN."""
    if not names:
        return np.zeros(len(frame), dtype=np.intp), [()]
    groups = frame.groupby(list(names), sort=False, dropna=False, observed=True)
    found = [tuple(None if pd.isna(one) else one for one in line) for line in _heads(groups, names)]
    return groups.ngroup().to_numpy().astype(np.intp), found


def _heads(groups: Any, names: Sequence[str]) -> Any:
    return groups.head(1)[list(names)].itertuples(index=False, name=None)


def make_frame(lines: Sequence[Mapping[str, Any]], columns: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """The lines as a frame; in the columns of axes' values None stays None, which pandas makes NaN among numbers."""
    kept = {name: pd.Series([line[name] for line in lines], dtype=object) for name in values}
    return pd.DataFrame(list(lines), columns=list(columns)).assign(**kept)


def match_runs(grid_layout: Grid, numbers: Floats, chosen: Sequence[Hashable]) -> MatchedRuns:
    """The metric where all the chosen values have it, with every cell there for every seed.

    `numbers` has a number for each line of the frame. Where a cell lacks a seed, either goes, as `rectangle` says.
    """
    lines = grid_layout.select([value for value in chosen if value in grid_layout.values])
    if len(lines) < len(chosen):
        lines = np.full((len(chosen), 0, 0), NONE, dtype=np.intp)
    told = np.where(lines == NONE, np.nan, numbers[lines] if len(numbers) else np.nan)
    present = np.logical_not(np.isnan(told).any(axis=0))
    seeds, cells = find_rectangle(present)
    kept = np.ix_(np.arange(len(chosen)), seeds, cells)
    return MatchedRuns(told[kept], lines[kept], int(present.sum()) - seeds.size * cells.size)


def find_rectangle(present: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Rows (seeds) and columns (cells) to keep so that nothing is missing.

    What goes each time is the line that costs the least; but three rows stay, without which there is no interval, where
    that keeps at least half as many runs.
    """
    rows, columns = _whole(present, 0)
    if rows.size < MIN_SEEDS <= len(present):
        more, fewer = _whole(present, MIN_SEEDS)
        if 2 * more.size * fewer.size >= rows.size * columns.size > 0:
            return more, fewer
    return rows, columns


def _whole(present: npt.NDArray[np.bool_], fewest: int) -> tuple[Ints, Ints]:
    """Rows and columns without a gap, of the rows `fewest` at least; nothing where that cannot be."""
    rows, columns = np.flatnonzero(present.any(axis=1)), np.flatnonzero(present.any(axis=0))
    while rows.size and columns.size:
        inside = present[np.ix_(rows, columns)]
        if inside.all():
            break
        worst_row, worst_column = int(inside.sum(axis=1).argmin()), int(inside.sum(axis=0).argmin())
        if rows.size > fewest and _cost(inside[worst_row]) < _cost(inside[:, worst_column]):
            rows = np.delete(rows, worst_row)
        else:
            columns = np.delete(columns, worst_column)
    return rows, columns


def _cost(line: npt.NDArray[np.bool_]) -> float:
    """Runs lost for each gap that goes with the line."""
    gaps = int((~line).sum())
    return float(line.sum() / gaps) if gaps else float("inf")
