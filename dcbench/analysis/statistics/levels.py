"""Each value of an axis on the cells and seeds that all its values have, as numbers and as curves over the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.statistics.effects import Axes, Outcome
from dcbench.analysis.statistics.intervals import over_seeds
from dcbench.analysis.statistics.matching import NONE, framed, grid, matched

COLUMNS = ["metric", "axis", "value", "mean", "low", "high", "cells", "seeds", "left_out"]
"""Of the table: `mean` with its 95 % interval over the seeds; values without any run are not in it."""


def levels_table(frame: pd.DataFrame, axes: Axes, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """A line for each metric and value of an axis, over the runs that are there for all values of the axis."""
    lines: list[dict[str, Any]] = []
    for axis, values in axes.items():
        laid = grid(frame, [axis], [name for name in axes if name != axis])
        there = [value for value in values if value in laid.values]
        for outcome in outcomes:
            found = matched(laid, outcome.numbers(frame), there)
            for value, numbers in zip(there, found.metric, strict=True) if found.metric.size else ():
                middle = over_seeds(numbers)
                head = {"metric": outcome.name, "axis": axis, "value": value}
                told = {name: outcome.shown(getattr(middle, name)) for name in ("mean", "low", "high")}
                lines.append(head | told | {"cells": found.cells, "seeds": found.seeds, "left_out": found.left_out})
    return framed(lines, COLUMNS, ["value"])


def by_cell(frame: pd.DataFrame, axes: Axes, axis: str, outcome: Outcome) -> pd.DataFrame:
    """The same runs cell by cell: the cell's `number`, `value`, `mean` over the seeds, and the other axes' values."""
    rest = [name for name in axes if name != axis]
    laid = grid(frame, [axis], rest)
    there = [value for value in axes[axis] if value in laid.values]
    found = matched(laid, outcome.numbers(frame), there)
    means = found.metric.mean(axis=1) if found.metric.size else np.zeros((0, 0))
    fields = frame[rest].to_dict("records")
    lines = [
        {"number": cell, "mean": outcome.shown(mean)} | fields[found.lines[0, 0, cell]]
        for numbers in means
        for cell, mean in enumerate(numbers)
    ]
    values = pd.Series([value for value in there for _ in range(found.cells)], dtype=object)
    return pd.DataFrame(lines, columns=["number", "mean", *rest]).assign(value=values[: len(lines)])


def alike(frame: pd.DataFrame, axes: Axes, axis: str | None) -> pd.DataFrame:
    """The lines of the frame that every value of the axis has, with every cell for every seed; `cell` says which."""
    laid = grid(frame, [axis] if axis else [], [name for name in axes if name != axis])
    found = matched(laid, np.zeros(len(frame)), laid.values)
    lines = found.lines[found.lines != NONE]
    cells = np.broadcast_to(np.arange(found.cells), found.lines.shape)
    kept: pd.DataFrame = frame.iloc[lines].assign(cell=cells.ravel())
    return kept


def curve(rows: pd.DataFrame, metric: str, ratio: bool = False) -> pd.DataFrame:
    """Mean by epoch with its 95 % interval over the seeds, where every run has a value; epochs are the index.

    `rows` are those of runs that `alike` has kept: run_id, seed, cell, epoch and the metric. Of a `ratio`, which is
    above 0, the mean is geometric.
    """
    wide = rows.pivot(index="epoch", columns=["seed", "cell"], values=metric).dropna()
    seeds = max(1, wide.columns.get_level_values("seed").nunique())
    wide = wide.map(math.log) if ratio else wide
    cube = wide.sort_index(axis="columns").to_numpy().reshape(len(wide), seeds, wide.shape[1] // seeds)
    told = [over_seeds(epoch) for epoch in cube]
    figures = {name: [getattr(one, name) for one in told] for name in ("mean", "low", "high")}
    table = pd.DataFrame(figures, index=wide.index, dtype=float)
    return table.map(math.exp) if ratio else table
