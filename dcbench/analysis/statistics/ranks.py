"""Which value of an axis ranks where, over the matched cells, and which ranks differ critically (Demsar 2006).

In: a frame with a line for each finished run. Out: for each axis of three values or more the mean ranks,
Friedman's test in Iman and Davenport's form, and Nemenyi's critical difference. A block is a cell of the other axes,
its seeds averaged: seeds of one cell are no blocks of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from dcbench.analysis.statistics.effects import AxisValues, Neutral, Outcome
from dcbench.analysis.statistics.intervals import ALPHA
from dcbench.analysis.statistics.matching import Floats, make_grid, match_runs

FEWEST_VALUES = 3
FEWEST_BLOCKS = 10
"""Below it the distributions that the test stands on do not hold (Demsar 2006, section 3.2.2)."""


@dataclass(frozen=True)
class Ranking:
    """Mean rank of each value (1 is best) over the blocks; `why_not` says why p or the critical difference is NaN.

    Two values differ critically when their mean ranks differ by more than `critical`.
    """

    metric: str
    axis: str
    ranks: dict[Any, float]
    blocks: int
    left_out: int
    p: float = math.nan
    critical: float = math.nan
    missing_reason: str = ""
    cliques: list[tuple[Any, ...]] = field(default_factory=list)


def rank_axes(
    frame: pd.DataFrame, axes: AxisValues, outcomes: Sequence[Outcome], neutral: Neutral = frozenset()
) -> list[Ranking]:
    """The ranking of each axis of three values or more by each metric that has a better way, for that axis too."""
    found = []
    for axis, values in axes.items():
        laid = make_grid(frame, [axis], [name for name in axes if name != axis])
        there = [value for value in values if value in laid.values]
        for outcome in outcomes if len(there) >= FEWEST_VALUES else ():
            if outcome.better is not None and (axis, outcome.name) not in neutral:
                told = match_runs(laid, outcome.scale(frame), there)
                if told.metric.size:
                    found.append(_ranking(outcome, axis, there, told.metric.mean(axis=1).T, told.left_out))
    return found


def _ranking(outcome: Outcome, axis: str, values: Sequence[Any], scores: Floats, left_out: int) -> Ranking:
    """From scores `(blocks, values)`."""
    ranked = stats.rankdata(-scores if outcome.better == "higher" else scores, axis=1)
    mean = dict(zip(values, ranked.mean(axis=0).tolist(), strict=True))
    blocks = len(ranked)
    if blocks < FEWEST_BLOCKS:
        why = f"{blocks} {'cell' if blocks == 1 else 'cells'} to rank in; a critical difference needs {FEWEST_BLOCKS}"
        return Ranking(outcome.name, axis, mean, blocks, left_out, missing_reason=why)
    p = compute_friedman_p(ranked)
    critical = compute_critical_difference(len(values), blocks)
    if p >= ALPHA:
        why = f"Friedman's test does not tell the values apart (p = {p:.2g})"
        return Ranking(outcome.name, axis, mean, blocks, left_out, p, critical, why)
    return Ranking(outcome.name, axis, mean, blocks, left_out, p, critical, cliques=find_cliques(mean, critical))


def compute_friedman_p(ranked: Floats) -> float:
    """p of ranks `(blocks, values)` that are all alike; Iman and Davenport's F of Friedman's statistic."""
    blocks, values = ranked.shape
    chi = 12 * blocks / (values * (values + 1)) * ((ranked.mean(axis=0) - (values + 1) / 2) ** 2).sum()
    rest = blocks * (values - 1) - chi
    if rest <= 0:
        return 0.0
    return float(stats.f.sf((blocks - 1) * chi / rest, values - 1, (values - 1) * (blocks - 1)))


def compute_critical_difference(values: int, blocks: int) -> float:
    """Nemenyi's: the studentised range's quantile over sqrt(2), times sqrt(k (k + 1) / 6 N)."""
    quantile = stats.studentized_range.ppf(1 - ALPHA, values, math.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(values * (values + 1) / (6 * blocks)))


def find_cliques(mean: dict[Any, float], critical: float) -> list[tuple[Any, ...]]:
    """The largest sets of values whose ranks do not differ critically, best first; single values are none."""
    ordered = sorted(mean, key=lambda value: mean[value])
    spans = [
        tuple(value for value in ordered[at:] if mean[value] - mean[first] <= critical)
        for at, first in enumerate(ordered)
    ]
    return [
        span
        for at, span in enumerate(spans)
        if len(span) > 1 and not any(set(span) < set(other) for other in spans[:at])
    ]


def find_pareto_front(cost: Floats, quality: Floats) -> npt.NDArray[np.bool_]:
    """The Pareto front; equal points are all on it, points without a number are not."""
    told = np.zeros(len(cost), dtype=bool)
    best = -np.inf
    there = np.flatnonzero(np.isfinite(cost) & np.isfinite(quality))
    for at in there[np.lexsort((-quality[there], cost[there]))]:
        twin = quality[at] == best and any(told & (cost == cost[at]))
        told[at] = quality[at] > best or twin
        best = max(best, quality[at])
    return told
