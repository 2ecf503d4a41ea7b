"""Summarise the runs of each cell: means over the seeds, and how often each value of a text column occurs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas.api.typing import DataFrameGroupBy

from dcbench.analysis.statistics.matching import make_frame, make_grid, match_runs


def summarise_cells(finals: pd.DataFrame, planned: pd.DataFrame, cell: list[str], metrics: list[str]) -> pd.DataFrame:
    """Return for each cell the seeds planned and done, and each metric's mean, minimum and maximum over the seeds done.

    `planned` has a row for each planned run, so that a cell without a finished run still has a row, which is empty.
    """
    planned_seeds = _group_by_cell(planned, cell).size().rename("planned")
    groups = _group_by_cell(finals, cell)
    columns = {"done": groups.size()}
    for metric in metrics:
        values = groups[metric].agg(["mean", "min", "max"])
        # A mean over the runs that have the metric would be mistaken for one over all runs of the cell.
        complete = groups[metric].count() == groups.size()
        for name, suffix in (("mean", ""), ("min", "_low"), ("max", "_high")):
            columns[f"{metric}{suffix}"] = values[name].where(complete)
    table = pd.DataFrame(columns).reindex(planned_seeds.index)
    table.insert(0, "planned", planned_seeds)
    table["done"] = table["done"].fillna(0).astype(int)
    return table.reset_index() if cell else table.reset_index(drop=True)


def average_cells(finals: pd.DataFrame, kept_axes: list[str], other_axes: list[str], metric: str) -> pd.DataFrame:
    """Return the mean of a metric for each value of the kept axes, over the seeds and cells that all values have.

    The columns are the kept axes, the metric, `cells`, `seeds` and `left_out`; values without a run have no row.
    """
    grid = make_grid(finals, kept_axes, other_axes)
    runs = match_runs(grid, finals[metric].to_numpy(dtype=float, na_value=float("nan")), grid.values)
    values: list[Any] = [value if len(kept_axes) > 1 else (value,) for value in grid.values]
    rows = [
        dict(zip(kept_axes, value, strict=True)) | {metric: float(numbers.mean())} | runs.counts
        for value, numbers in zip(values, runs.metric, strict=True)
        if numbers.size
    ]
    return make_frame(rows, [*kept_axes, metric, *runs.counts], kept_axes)


def tally_cells(runs: pd.DataFrame, cell: list[str], column: str) -> list[str]:
    """Return how many runs of each cell have each value, in the order of `summarise_cells`."""
    return [count_values(group[column]) for _, group in _group_by_cell(runs, cell)]


def count_values(values: pd.Series) -> str:
    """Return how often each value occurs, the most frequent first: `2 healthy, 1 collapsed`."""
    return ", ".join(f"{count} {value}" for value, count in values.value_counts().items())


def count_states(states: pd.Series, order: Sequence[str]) -> list[int]:
    """Return how many runs are in each of these states, and last how many are in none of them."""
    counts = [int((states == state).sum()) for state in order]
    return [*counts, len(states) - sum(counts)]


def _group_by_cell(frame: pd.DataFrame, cell: list[str]) -> DataFrameGroupBy[Any, Any]:
    """Group the rows by cell; a matrix without axes is a single cell."""
    return frame.groupby(cell or (lambda _: 0), sort=False, dropna=False)
