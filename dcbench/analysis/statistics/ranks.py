"""Rank the values of an axis over the matched cells, and find the points that no other point beats.

In: a frame with a row for each finished run, or cost and quality of each point. Out: for each axis of three values or
more the mean ranks, Friedman's test and Nemenyi's critical difference (Demsar 2006); or a mask.

The tests need blocks that are drawn independently. Only seeds are: the cells of a seed share its images, weights and
first clusters, and in a single seed a chance event can rank all of them alike. So a block is a seed with its cells
averaged where there are enough seeds for a test. Otherwise it is a cell with its seeds averaged, and nothing is tested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from dcbench.analysis.statistics.effects import AxisValues, Neutral, Outcome
from dcbench.analysis.statistics.intervals import ALPHA
from dcbench.analysis.statistics.matching import Floats, MatchedRuns, make_grid, match_runs
from dcbench.core.text import plural

MIN_VALUES = 3
"""The fewest values to rank; of two, the effect of the swap says more."""

MIN_BLOCKS = 10
"""The fewest seeds for which the distributions of the test hold (Demsar 2006, section 3.2.2)."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """How the values of an axis rank by a metric.

    Attributes:
        ranks: The mean rank of each value over the blocks; 1 is best.
        unit: What a block is: a seed with its cells averaged, or a cell of the other axes with its seeds averaged.
        blocks: The number of blocks.
        left_out: The matched runs that were dropped so that each block has each value and seed.
        p: The p value of Friedman's test that all values rank alike.
        critical: How far two mean ranks must be apart to differ.
        missing_reason: Why `p` or `critical` is NaN, or why no two values differ.
        cliques: The largest sets of values that do not differ.
    """

    metric: str
    axis: str
    ranks: dict[Any, float]
    unit: Literal["seed", "cell"]
    blocks: int
    left_out: int
    p: float = math.nan
    critical: float = math.nan
    missing_reason: str = ""
    cliques: list[tuple[Any, ...]] = field(default_factory=list)


def rank_axes(
    frame: pd.DataFrame, axes: AxisValues, outcomes: Sequence[Outcome], neutral: Neutral = frozenset()
) -> list[Ranking]:
    """Rank the values of each axis by each metric that says which of them is better."""
    rankings = []
    for axis, all_values in axes.items():
        grid = make_grid(frame, [axis], [name for name in axes if name != axis])
        values = [value for value in all_values if value in grid.values]
        for outcome in outcomes if len(values) >= MIN_VALUES else ():
            if outcome.better is not None and (axis, outcome.name) not in neutral:
                runs = match_runs(grid, outcome.scale(frame), values)
                if runs.metric.size:
                    rankings.append(_rank_values(outcome, axis, values, runs))
    return rankings


def _rank_values(outcome: Outcome, axis: str, values: Sequence[Any], runs: MatchedRuns) -> Ranking:
    """Rank the values by their matched runs."""
    can_test = runs.seeds >= MIN_BLOCKS
    scores = runs.metric.mean(axis=2 if can_test else 1).T
    ranks = stats.rankdata(-scores if outcome.better == "higher" else scores, axis=1)
    blocks = len(ranks)
    mean_ranks = dict(zip(values, ranks.mean(axis=0).tolist(), strict=True))
    p = critical = math.nan
    reason, cliques = "", []
    if not can_test:
        reason = f"{plural(runs.seeds, 'seed')}; a critical difference needs {MIN_BLOCKS}"
    else:
        p, critical = compute_friedman_p(ranks), compute_critical_difference(len(values), blocks)
        # Nemenyi's test follows only when Friedman's rejects (Demsar 2006, section 3.2.2).
        if p >= ALPHA:
            reason = f"Friedman's test does not tell the values apart (p = {p:.2g})"
        else:
            cliques = find_cliques(mean_ranks, critical)
    return Ranking(
        metric=outcome.name,
        axis=axis,
        ranks=mean_ranks,
        unit="seed" if can_test else "cell",
        blocks=blocks,
        left_out=runs.left_out,
        p=p,
        critical=critical,
        missing_reason=reason,
        cliques=cliques,
    )


def compute_friedman_p(ranks: Floats) -> float:
    """Return the p value of ranks `(blocks, values)` that are all alike.

    Friedman's statistic as the F of Iman and Davenport (1980), which is less conservative (Demsar 2006, section 3.2.2).
    """
    blocks, values = ranks.shape
    chi_square = 12 * blocks / (values * (values + 1)) * ((ranks.mean(axis=0) - (values + 1) / 2) ** 2).sum()
    rest = blocks * (values - 1) - chi_square
    # All blocks rank alike: F is infinite.
    if rest <= 0:
        return 0.0
    return float(stats.f.sf((blocks - 1) * chi_square / rest, values - 1, (values - 1) * (blocks - 1)))


def compute_critical_difference(values: int, blocks: int) -> float:
    """Return Nemenyi's critical difference q sqrt(k (k + 1) / 6 N) (Demsar 2006, section 3.2.2).

    q is the quantile of the studentised range over sqrt(2), k the number of values, N that of blocks.
    """
    quantile = stats.studentized_range.ppf(1 - ALPHA, values, math.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(values * (values + 1) / (6 * blocks)))


def find_cliques(ranks: dict[Any, float], critical: float) -> list[tuple[Any, ...]]:
    """Return the largest sets of two values or more whose mean ranks do not differ critically, the best first."""
    ordered = sorted(ranks, key=lambda value: ranks[value])
    spans = [
        tuple(value for value in ordered[place:] if ranks[value] - ranks[first] <= critical)
        for place, first in enumerate(ordered)
    ]
    # A span that an earlier one contains says nothing new.
    return [
        span
        for place, span in enumerate(spans)
        if len(span) > 1 and not any(set(span) < set(earlier) for earlier in spans[:place])
    ]


def find_pareto_front(cost: Floats, quality: Floats) -> npt.NDArray[np.bool_]:
    """Return which points no other beats, by being cheaper and as good, or better and as cheap.

    Equal points are all on the front; points without a number are not.
    """
    on_front = np.zeros(len(cost), dtype=bool)
    best = -np.inf
    finite = np.flatnonzero(np.isfinite(cost) & np.isfinite(quality))
    # From cheap to expensive, the better first: a point is on the front when it is better than all before it.
    for place in finite[np.lexsort((-quality[finite], cost[finite]))]:
        is_twin = quality[place] == best and any(on_front & (cost == cost[place]))
        on_front[place] = quality[place] > best or is_twin
        best = max(best, quality[place])
    return on_front
