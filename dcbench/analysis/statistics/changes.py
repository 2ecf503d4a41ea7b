"""How one set of runs changed against another: the side is one more axis, swapped with all else equal.

In: a frame with a line for each run of each side, of runs that both sides have: `side`, `cell`, `seed`, `baseline`,
axes, metrics. Out: for each metric the paired change over all cells, and over those with each value of each axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.statistics.effects import Outcome, estimate_effect, judge_effect
from dcbench.analysis.statistics.intervals import holm
from dcbench.analysis.statistics.matching import NONE, Grid, MatchedRuns, make_grid, match_runs

SIDES = ("old", "new")

IDENTICAL = "identical"
"""The verdict where every pair has the same number; a fact that takes no seeds, where `same` is inferred."""

COLUMNS = [
    "metric", "axis", "value", "verdict", "old", "new", "mean", "low", "high", "pairs", "cells", "seeds", "left_out",
    "improved", "p", "p_holm", "p_same",
]  # fmt: skip
"""Of the table: no axis where all cells are meant, axis `baseline` where a baseline's method is the value."""

Part = tuple[str, str, pd.DataFrame]
"""An axis, its value, and the lines of the frame that have it."""


def tabulate_changes(frame: pd.DataFrame, axes: Sequence[str], outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """A line for each metric and part that has matched pairs of it; p_holm is corrected over all lines of a metric.

    `old` and `new` are means over these pairs, geometric ones of a ratio, whose `mean` is new by old.
    """
    kept = frame[["side", "cell", "seed", "baseline", "method", *axes, *(one.name for one in outcomes)]]
    told = [line for part in split_parts(kept, axes) for line in _lines(part, outcomes)]
    judged = []
    for outcome in outcomes:
        mine = [line for line in told if line["metric"] == outcome.name]
        corrected = holm([line["p"] for line in mine])
        judged += [_judged(line, p, outcome) for line, p in zip(mine, corrected, strict=True)]
    return pd.DataFrame(judged, columns=COLUMNS)


def split_parts(frame: pd.DataFrame, axes: Sequence[str]) -> Iterator[Part]:
    """All cells, then those with each value of each axis, then the baselines of each method."""
    cells, beside = (frame[frame["baseline"] == which] for which in (False, True))
    if len(cells):
        yield "", "", cells
    for axis, inside in [(axis, cells) for axis in axes] + [("method", beside)]:
        for value, lines in inside.groupby(axis, sort=False, dropna=False):
            yield "baseline" if inside is beside else axis, str(value), lines


def _lines(part: Part, outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    """The change of each metric that some pair of the part has, on the scale of its numbers; no verdict yet."""
    axis, value, frame = part
    laid = make_grid(frame, ["side"], ["cell"])
    for outcome in outcomes:
        met = match_runs(laid, outcome.scale(frame), SIDES)
        if met.metric.size:
            head = {"metric": outcome.name, "axis": axis, "value": value, "equal": _equal(laid, frame[outcome.name])}
            yield head | {"beyond": _beyond(laid, met, frame, outcome)} | _figures(met, outcome)


def _figures(matched_runs: MatchedRuns, outcome: Outcome) -> dict[str, Any]:
    found = estimate_effect(matched_runs.metric[1] - matched_runs.metric[0], matched_runs.left_out, outcome)
    levels = {side: float(numbers.mean()) for side, numbers in zip(SIDES, matched_runs.metric, strict=True)}
    levels |= {name: getattr(found.interval, name) for name in ("mean", "low", "high")}
    names = ("pairs", "cells", "seeds", "left_out", "improved", "p", "p_same")
    return levels | {name: getattr(found, name) for name in names}


def _equal(grid_layout: Grid, values: pd.Series) -> bool:
    """Whether every pair has the same number, those among them that a gap elsewhere leaves out."""
    old, new = grid_layout.select(SIDES)
    there = (old != NONE) & (new != NONE)
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    before, after = numbers[old[there]], numbers[new[there]]
    return bool((before == after)[~np.isnan(before) & ~np.isnan(after)].all())


def _beyond(grid_layout: Grid, matched_runs: MatchedRuns, frame: pd.DataFrame, outcome: Outcome) -> bool:
    """Whether a pair that a gap elsewhere leaves out changes by more than the margin."""
    old, new = grid_layout.select(SIDES)
    there = (old != NONE) & (new != NONE) & ~np.isin(old, matched_runs.lines[0])
    numbers = outcome.scale(frame)
    return bool((np.abs(numbers[new[there]] - numbers[old[there]]) > outcome.scaled_margin).any())


def _judged(line: dict[str, Any], p: float, outcome: Outcome) -> dict[str, Any]:
    """The line with its verdict, and its numbers as they are told; what was left out may forbid to call it the same."""
    word = IDENTICAL if line["equal"] else judge_effect(line["mean"], p, line["p_same"], outcome.better)
    if word == "same" and line["beyond"]:
        word = "cannot tell"
    told = {name: outcome.unscale(line[name]) for name in ("old", "new", "mean", "low", "high")}
    return line | told | {"p_holm": p, "verdict": word}
