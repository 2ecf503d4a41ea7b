"""Compute the level of each value of an axis: as a mean, as a curve over the epochs, and next to the baselines.

In: a frame with a row for each finished run, or the rows of their epochs. Out: means over the cells and seeds that all
values of the axis have, so that levels differ by nothing but the value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.statistics.effects import AxisValues, Outcome
from dcbench.analysis.statistics.intervals import interval_over_seeds
from dcbench.analysis.statistics.matching import NONE, make_frame, make_grid, match_runs

LEVEL_COLUMNS = ["metric", "axis", "value", "mean", "low", "high", "cells", "seeds", "left_out"]
"""Columns of the table of levels: `mean` with its 95 % interval over the seeds."""

REFERENCE_COLUMNS = ["axis", "value", "dataset", "level", "metric", "mean", "runs"]
"""Columns of the table of references; `axis` and `value` are None for all cells together."""


def tabulate_levels(frame: pd.DataFrame, axes: AxisValues, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return a row for each metric and value of an axis; values without a run have no row."""
    rows: list[dict[str, Any]] = []
    for axis, all_values in axes.items():
        grid = make_grid(frame, [axis], [name for name in axes if name != axis])
        values = [value for value in all_values if value in grid.values]
        for outcome in outcomes:
            runs = match_runs(grid, outcome.scale(frame), values)
            for value, numbers in zip(values, runs.metric, strict=True) if runs.metric.size else ():
                level = {"metric": outcome.name, "axis": axis, "value": value}
                rows.append(level | outcome.tabulate_interval(interval_over_seeds(numbers)) | runs.counts)
    return make_frame(rows, LEVEL_COLUMNS, ["value"])


def tabulate_cells(frame: pd.DataFrame, axes: AxisValues, axis: str, outcome: Outcome) -> pd.DataFrame:
    """Return a row for each cell that the levels of an axis are means of.

    The columns are the cell's `number`, the `mean` over its seeds, the other axes, and the `value` of this one.
    """
    other_axes = [name for name in axes if name != axis]
    grid = make_grid(frame, [axis], other_axes)
    values = [value for value in axes[axis] if value in grid.values]
    runs = match_runs(grid, outcome.scale(frame), values)
    means = runs.metric.mean(axis=1) if runs.metric.size else np.zeros((0, 0))
    fields = frame[other_axes].to_dict("records")
    rows = [
        # All values have the same cells, so the first value's first run names the fields of the cell.
        {"number": cell, "mean": outcome.unscale(mean)} | fields[runs.lines[0, 0, cell]]
        for value_means in means
        for cell, mean in enumerate(value_means)
    ]
    column = pd.Series([value for value in values for _ in range(runs.cells)], dtype=object)
    return pd.DataFrame(rows, columns=["number", "mean", *other_axes]).assign(value=column[: len(rows)])


def select_matched_runs(frame: pd.DataFrame, axes: AxisValues, axis: str | None) -> pd.DataFrame:
    """Return the runs that every value of the axis has, with every cell for every seed; `cell` numbers the cells."""
    grid = make_grid(frame, [axis] if axis else [], [name for name in axes if name != axis])
    runs = match_runs(grid, np.zeros(len(frame)), grid.values)
    lines = runs.lines[runs.lines != NONE]
    cells = np.broadcast_to(np.arange(runs.cells), runs.lines.shape)
    selected: pd.DataFrame = frame.iloc[lines].assign(cell=cells.ravel())
    return selected


def mean_curve(rows: pd.DataFrame, metric: str, ratio: bool = False) -> pd.DataFrame:
    """Return the mean of each epoch with its 95 % interval over the seeds; the epochs are the index.

    `rows` are those of the runs from `select_matched_runs`: run_id, seed, cell, epoch and the metric. The mean of a
    `ratio` is geometric, so all its values must be positive.
    """
    # Epochs that some run lacks are left out: the mean would jump where a run ends.
    wide = rows.pivot(index="epoch", columns=["seed", "cell"], values=metric).dropna()
    seeds = max(1, wide.columns.get_level_values("seed").nunique())
    wide = wide.map(math.log) if ratio else wide
    # Sorted columns go seed by seed, so each row folds into (seeds, cells).
    cube = wide.sort_index(axis="columns").to_numpy().reshape(len(wide), seeds, wide.shape[1] // seeds)
    intervals = [interval_over_seeds(epoch) for epoch in cube]
    figures = {name: [getattr(interval, name) for interval in intervals] for name in ("mean", "low", "high")}
    table = pd.DataFrame(figures, index=wide.index, dtype=float)
    return table.map(math.exp) if ratio else table


def tabulate_references(
    runs: pd.DataFrame,
    baselines: pd.DataFrame,
    fields: Mapping[str, Sequence[str]],
    axes: Iterable[str],
    metrics: Sequence[str],
) -> pd.DataFrame:
    """Return the mean scores of the baselines that belong to the cells of each value of an axis.

    `runs` has a row for each planned run, `baselines` one for each finished baseline with its `level`. A baseline of a
    level belongs to the cells with which it shares the `fields` of that level.
    """
    tables = []
    for level, names in fields.items():
        keys = [f"key {name}" for name in names]
        members, cells = _add_keys(baselines[baselines["level"] == level], names), _add_keys(runs, names)
        for axis in (None, *axes) if len(members) else ():
            # Without an axis, all cells together are one value.
            values = runs[axis].astype(object) if axis else None
            # One row for each value and kind of cell: a baseline counts once, however many runs it belongs to.
            needed = cells.assign(value=values)[["value", *keys]].drop_duplicates()
            matched = needed.merge(members, on=keys).drop_duplicates(["value", "run_id"])
            groups = matched.groupby(["value", "dataset"], sort=False, dropna=False)[list(metrics)]
            table = pd.DataFrame({"mean": groups.mean().stack(), "runs": groups.count().stack()})
            table = table.rename_axis(["value", "dataset", "metric"]).dropna(subset="mean").reset_index()
            table["value"] = table["value"].astype(object).where(table["value"].notna(), None)
            tables.append(table.assign(axis=axis, level=level))
    return (
        pd.concat(tables, ignore_index=True)[REFERENCE_COLUMNS] if tables else pd.DataFrame(columns=REFERENCE_COLUMNS)
    )


def _add_keys(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the frame with text columns to merge on: a column of None and 1 has another type than one of 1 and 2."""

    def to_text(value: object) -> str:
        if value is None or value != value:
            return ""
        return f"{value:g}" if isinstance(value, int | float) else str(value)

    return frame.assign(**{f"key {name}": frame[name].astype(object).map(to_text) for name in names})
