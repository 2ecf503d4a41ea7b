"""Intervals and tests of a mean over crossed seeds and cells.

In: numbers `(seeds, cells)` without a gap. Out: intervals and p values. Seeds are crossed with cells (common random
numbers), so a seed moves all cells together: each seed is averaged over the cells first, and the interval is Student's
t over the seeds. A second interval, for cells that this matrix does not have, treats both as random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from dcbench.analysis.statistics.matching import MIN_SEEDS, Floats

MIN_CELLS = 8
"""The fewest cells that give an interval for other cells."""

ALPHA = 0.05
"""Error rate of each verdict: two-sided for a difference, each side for equivalence."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with its confidence limits; the limits are NaN where none can be computed."""

    mean: float
    low: float = math.nan
    high: float = math.nan


def interval_over_seeds(numbers: Floats, level: float = 1 - ALPHA) -> Interval:
    """Return Student's t interval over the means of the seeds; only the mean below three seeds."""
    means = numbers.mean(axis=1)
    if len(means) < MIN_SEEDS:
        return Interval(mean=float(numbers.mean()))
    half = stats.t.ppf((1 + level) / 2, len(means) - 1) * means.std(ddof=1) / math.sqrt(len(means))
    return Interval(mean=float(means.mean()), low=float(means.mean() - half), high=float(means.mean() + half))


def interval_over_cells_and_seeds(numbers: Floats, level: float = 1 - ALPHA) -> Interval:
    """Return an interval for other cells and seeds; only the mean below eight cells or three seeds.

    Two-way random effects (Brennan, Generalizability Theory, 2001), degrees of freedom by Satterthwaite (1946).
    """
    seeds, cells = numbers.shape
    mean = float(numbers.mean())
    if seeds < MIN_SEEDS or cells < MIN_CELLS:
        return Interval(mean=mean)
    # The variance of the mean is that of the cells' means plus that of the seeds' means. Each contains a part of the
    # residual, which is counted twice: the interval errs on the wide side.
    terms = [
        (numbers.mean(axis=0).var(ddof=1) / cells, cells - 1),
        (numbers.mean(axis=1).var(ddof=1) / seeds, seeds - 1),
    ]
    variance = sum(term for term, _ in terms)
    if variance == 0:
        return Interval(mean=mean, low=mean, high=mean)
    freedom = variance**2 / sum(term**2 / degrees for term, degrees in terms)
    half = stats.t.ppf((1 + level) / 2, freedom) * math.sqrt(variance)
    # Where cells are alike, the extra degrees of freedom would make it narrower than the interval for these cells.
    half = max(half, mean - interval_over_seeds(numbers, level).low)
    return Interval(mean=mean, low=mean - half, high=mean + half)


def p_difference(numbers: Floats) -> float:
    """Return the two-sided p value of a mean of 0, by Student's t over the seeds; NaN below three seeds."""
    return _p(numbers, 0.0, "two-sided")


def p_equivalence(numbers: Floats, margin: float) -> float:
    """Return the p value of a mean beyond the margin: the larger of two one-sided tests (Schuirmann 1987)."""
    return max(_p(numbers, -margin, "greater"), _p(numbers, margin, "less"))


def _p(numbers: Floats, null: float, side: Literal["two-sided", "less", "greater"]) -> float:
    means = numbers.mean(axis=1)
    if len(means) < MIN_SEEDS:
        return math.nan
    error = means.std(ddof=1) / math.sqrt(len(means))
    distance = float(means.mean() - null)
    if error == 0:
        # Seeds that all agree leave no doubt, and t would divide by 0.
        return float({"two-sided": distance == 0, "greater": distance <= 0, "less": distance >= 0}[side])
    t, freedom = distance / error, len(means) - 1
    if side == "two-sided":
        return float(2 * stats.t.sf(abs(t), freedom))
    return float(stats.t.sf(t, freedom) if side == "greater" else stats.t.cdf(t, freedom))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values corrected for their number (Holm 1979); NaN stays NaN and does not count as a test."""
    order = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    corrected = list(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        # A corrected p value is never smaller than that of a more certain test.
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        corrected[place] = largest
    return corrected
