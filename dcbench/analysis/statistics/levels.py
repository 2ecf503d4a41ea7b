"""Each value of an axis on the cells and seeds that all its values have, as numbers and as curves over the epochs."""

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
"""Of the table: `mean` with its 95 % interval over the seeds; values without any run are not in it."""


def tabulate_levels(frame: pd.DataFrame, axes: AxisValues, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """A line for each metric and value of an axis, over the runs that are there for all values of the axis."""
    lines: list[dict[str, Any]] = []
    for axis, values in axes.items():
        laid = make_grid(frame, [axis], [name for name in axes if name != axis])
        there = [value for value in values if value in laid.values]
        for outcome in outcomes:
            found = match_runs(laid, outcome.scale(frame), there)
            for value, numbers in zip(there, found.metric, strict=True) if found.metric.size else ():
                middle = interval_over_seeds(numbers)
                head = {"metric": outcome.name, "axis": axis, "value": value}
                told = {name: outcome.unscale(getattr(middle, name)) for name in ("mean", "low", "high")}
                lines.append(head | told | {"cells": found.cells, "seeds": found.seeds, "left_out": found.left_out})
    return make_frame(lines, LEVEL_COLUMNS, ["value"])


def tabulate_cells(frame: pd.DataFrame, axes: AxisValues, axis: str, outcome: Outcome) -> pd.DataFrame:
    """The same runs cell by cell: the cell's `number`, `value`, `mean` over the seeds, and the other axes' values."""
    rest = [name for name in axes if name != axis]
    laid = make_grid(frame, [axis], rest)
    there = [value for value in axes[axis] if value in laid.values]
    found = match_runs(laid, outcome.scale(frame), there)
    means = found.metric.mean(axis=1) if found.metric.size else np.zeros((0, 0))
    fields = frame[rest].to_dict("records")
    lines = [
        {"number": cell, "mean": outcome.unscale(mean)} | fields[found.lines[0, 0, cell]]
        for numbers in means
        for cell, mean in enumerate(numbers)
    ]
    values = pd.Series([value for value in there for _ in range(found.cells)], dtype=object)
    return pd.DataFrame(lines, columns=["number", "mean", *rest]).assign(value=values[: len(lines)])


def select_matched_runs(frame: pd.DataFrame, axes: AxisValues, axis: str | None) -> pd.DataFrame:
    """The lines of the frame that every value of the axis has, with every cell for every seed; `cell` says which."""
    laid = make_grid(frame, [axis] if axis else [], [name for name in axes if name != axis])
    found = match_runs(laid, np.zeros(len(frame)), laid.values)
    lines = found.lines[found.lines != NONE]
    cells = np.broadcast_to(np.arange(found.cells), found.lines.shape)
    kept: pd.DataFrame = frame.iloc[lines].assign(cell=cells.ravel())
    return kept


def mean_curve(rows: pd.DataFrame, metric: str, ratio: bool = False) -> pd.DataFrame:
    """Mean by epoch with its 95 % interval over the seeds, where every run has a value; epochs are the index.

    `rows` are those of runs that `alike` has kept: run_id, seed, cell, epoch and the metric. Of a `ratio`, which is
    above 0, the mean is geometric.
    """
    wide = rows.pivot(index="epoch", columns=["seed", "cell"], values=metric).dropna()
    seeds = max(1, wide.columns.get_level_values("seed").nunique())
    wide = wide.map(math.log) if ratio else wide
    cube = wide.sort_index(axis="columns").to_numpy().reshape(len(wide), seeds, wide.shape[1] // seeds)
    told = [interval_over_seeds(epoch) for epoch in cube]
    figures = {name: [getattr(one, name) for one in told] for name in ("mean", "low", "high")}
    table = pd.DataFrame(figures, index=wide.index, dtype=float)
    return table.map(math.exp) if ratio else table


REFERENCE_COLUMNS = ["axis", "value", "dataset", "level", "metric", "mean", "runs"]
"""Of the table; axis None: all cells together."""


def tabulate_references(
    runs: pd.DataFrame,
    baselines: pd.DataFrame,
    fields: Mapping[str, Sequence[str]],
    axes: Iterable[str],
    metrics: Sequence[str],
) -> pd.DataFrame:
    """A line for each metric of each level that has it; a baseline belongs to cells that it shares `fields` with."""
    parts = []
    for level, names in fields.items():
        keys = [f"key {name}" for name in names]
        mine, cells = _keyed(baselines[baselines["level"] == level], names), _keyed(runs, names)
        for axis in (None, *axes) if len(mine) else ():
            met = cells.assign(value=runs[axis].astype(object) if axis else None)[["value", *keys]].drop_duplicates()
            found = met.merge(mine, on=keys).drop_duplicates(["value", "run_id"])
            parts.append(_means(found, metrics).assign(axis=axis, level=level))
    return pd.concat(parts, ignore_index=True)[REFERENCE_COLUMNS] if parts else pd.DataFrame(columns=REFERENCE_COLUMNS)


def _means(found: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """A line for each value, dataset and metric: `mean` over the `runs` that have it."""
    groups = found.groupby(["value", "dataset"], sort=False, dropna=False)[list(metrics)]
    told = pd.DataFrame({"mean": groups.mean().stack(), "runs": groups.count().stack()})
    told = told.rename_axis(["value", "dataset", "metric"]).dropna(subset="mean").reset_index()
    return told.assign(value=told["value"].astype(object).where(told["value"].notna(), None))


def _keyed(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """With columns to merge on: text, since None and 1 make other columns than 1 and 2."""
    return frame.assign(**{f"key {name}": frame[name].astype(object).map(_text) for name in names})


def _text(value: object) -> str:
    return "" if value is None or value != value else f"{value:g}" if isinstance(value, int | float) else str(value)
