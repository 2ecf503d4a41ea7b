"""Estimate how one set of runs changed against another: the side, old or new, is one more axis.

In: a frame with a row for each run of each side, of runs that both sides have: `side`, `cell`, `seed`, `baseline`,
`method`, axes, metrics. Out: the paired change of each metric, over all cells and over those with each value of an
axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.statistics.effects import Outcome, estimate_effects, judge_effect
from dcbench.analysis.statistics.intervals import holm
from dcbench.analysis.statistics.matching import NONE, make_grid, match_runs

SIDES = ("old", "new")

IDENTICAL = "identical"
"""The verdict when every pair has the same number: a fact that needs no seeds, unlike `same`, which is inferred."""

CHANGE_COLUMNS = [
    "metric", "axis", "value", "verdict", "old", "new", "mean", "low", "high", "pairs", "cells", "seeds", "left_out",
    "improved", "p", "p_holm", "p_same",
]  # fmt: skip
"""Columns of the table; `axis` is empty for all cells together, and `baseline` when `value` is a baseline's method."""


def tabulate_changes(frame: pd.DataFrame, axes: Sequence[str], outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return a row for each metric and part of the runs that has matched pairs of it.

    `old` and `new` are means over these pairs; of a ratio they are geometric, and `mean` is new by old. `p_holm` is
    corrected over all rows of a metric.
    """
    used = frame[["side", "cell", "seed", "baseline", "method", *axes, *(outcome.name for outcome in outcomes)]]
    rows = [
        {"axis": axis, "value": value} | change
        for axis, value, part in split_parts(used, axes)
        for change in _estimate_changes(part, outcomes)
    ]
    judged = []
    for outcome in outcomes:
        own = [row for row in rows if row["metric"] == outcome.name]
        for row, p_holm in zip(own, holm([row["p"] for row in own]), strict=True):
            verdict: str = judge_effect(row["mean"], p_holm, row["p_same"], outcome.better)
            if row["all_equal"]:
                verdict = IDENTICAL
            elif verdict == "same" and row["left_out_beyond_margin"]:
                verdict = "cannot tell"
            figures = {name: outcome.unscale(row[name]) for name in ("old", "new", "mean", "low", "high")}
            judged.append(row | figures | {"p_holm": p_holm, "verdict": verdict})
    return pd.DataFrame(judged, columns=CHANGE_COLUMNS)


def split_parts(frame: pd.DataFrame, axes: Sequence[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield axis, value and rows of all cells, of each value of each axis, then of the baselines of each method."""
    cells, baselines = frame[~frame["baseline"]], frame[frame["baseline"]]
    if len(cells):
        yield "", "", cells
    for axis in axes:
        for value, rows in cells.groupby(axis, sort=False, dropna=False):
            yield axis, str(value), rows
    for method, rows in baselines.groupby("method", sort=False, dropna=False):
        yield "baseline", str(method), rows


def _estimate_changes(frame: pd.DataFrame, outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    """Yield the change of each metric that some pair of runs has, on the scale of the outcome, without a verdict."""
    grid = make_grid(frame, ["side"], ["cell"])
    for outcome in outcomes:
        scaled = outcome.scale(frame)
        runs = match_runs(grid, scaled, SIDES)
        if not runs.metric.size:
            continue
        # By itself: the parts of the runs overlap, so their variances are no sample of a family.
        (effect,) = estimate_effects([(runs.metric[1] - runs.metric[0], runs.left_out)], outcome)
        # The estimate leaves out pairs where another run of their cell or seed is missing. These pairs still count
        # against `identical` and `same`: one that changed would otherwise go unnoticed.
        old, new = grid.select(SIDES)
        paired = (old != NONE) & (new != NONE)
        values = frame[outcome.name].to_numpy(dtype=float, na_value=np.nan)
        before, after = values[old[paired]], values[new[paired]]
        is_left_out = paired & ~np.isin(old, runs.lines[0])
        change = np.abs(scaled[new[is_left_out]] - scaled[old[is_left_out]])
        counts = ("pairs", "cells", "seeds", "left_out", "improved", "p", "p_same")
        yield (
            {"metric": outcome.name}
            | {side: float(numbers.mean()) for side, numbers in zip(SIDES, runs.metric, strict=True)}
            | {name: getattr(effect.interval, name) for name in ("mean", "low", "high")}
            | {name: getattr(effect, name) for name in counts}
            | {
                "all_equal": bool(((before == after) | np.isnan(before) | np.isnan(after)).all()),
                "left_out_beyond_margin": bool((change > outcome.scaled_margin).any()),
            }
        )
