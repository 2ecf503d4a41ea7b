"""Each cell's runs put together: means over seeds and over other axes, and how often a word stands there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas.api.typing import DataFrameGroupBy

from dcbench.analysis.statistics.matching import make_frame, make_grid, match_runs


def summarise_cells(finals: pd.DataFrame, planned: pd.DataFrame, cell: list[str], metrics: list[str]) -> pd.DataFrame:
    """For each cell: seeds done and planned, then mean, lowest and highest of each metric over the seeds done.

    `planned` has a line for each planned run, so that a cell without a finished run still has its line, empty. A
    metric that one of the done runs lacks is empty, too: a mean over the others would pass for one over all.
    """
    wanted = _by_cell(planned, cell).size().rename("planned")
    groups = _by_cell(finals, cell)
    told = {"done": groups.size()}
    for metric in metrics:
        values = groups[metric].agg(["mean", "min", "max"])
        whole = groups[metric].count() == groups.size()
        told[metric], told[f"{metric}_low"], told[f"{metric}_high"] = (
            values[name].where(whole) for name in ("mean", "min", "max")
        )
    table = pd.DataFrame(told).reindex(wanted.index)
    table.insert(0, "planned", wanted)
    table["done"] = table["done"].fillna(0).astype(int)
    return table.reset_index() if cell else table.reset_index(drop=True)


def average_cells(finals: pd.DataFrame, kept: list[str], over: list[str], metric: str) -> pd.DataFrame:
    """Mean of a metric for each value of the axes `kept`, over the seeds and cells of `over` that all of them have.

    Columns: the kept axes, the metric, `cells`, `seeds`, `left_out`; values that no finished run has are not in it.
    """
    laid = make_grid(finals, kept, over)
    found = match_runs(laid, finals[metric].to_numpy(dtype=float, na_value=float("nan")), laid.values)
    counts = {"cells": found.cells, "seeds": found.seeds, "left_out": found.left_out}
    values: list[Any] = [one if len(kept) > 1 else (one,) for one in laid.values]
    lines = [
        dict(zip(kept, value, strict=True)) | {metric: float(numbers.mean())} | counts
        for value, numbers in zip(values, found.metric, strict=True)
        if numbers.size
    ]
    return make_frame(lines, [*kept, metric, *counts], kept)


def tally_cells(runs: pd.DataFrame, cell: list[str], name: str) -> list[str]:
    """For each cell, in the order of `summary`, how many runs have each value: `2 healthy, 1 collapsed`."""
    return [count_values(inside[name]) for _, inside in _by_cell(runs, cell)]


def count_values(values: pd.Series) -> str:
    """How often each value stands there, the most frequent first: `2 healthy, 1 collapsed`."""
    return ", ".join(f"{count} {value}" for value, count in values.value_counts().items())


def _by_cell(frame: pd.DataFrame, cell: list[str]) -> DataFrameGroupBy[Any, Any]:
    """The frame by cell; without a varied field it is all one cell."""
    return frame.groupby(cell or (lambda _: 0), sort=False, dropna=False)


def count_states(states: pd.Series, order: Sequence[str]) -> list[int]:
    """How many runs ended in each of these states, and how many in none of them."""
    told = [int((states == state).sum()) for state in order]
    return [*told, len(states) - sum(told)]
