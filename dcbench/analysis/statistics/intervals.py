"""Intervals and tests of a mean over crossed seeds and cells.

In: numbers `(seeds, cells)` without a gap. Seeds are crossed with cells (common random numbers), so a seed moves all
cells together: each seed is averaged over the cells first, and the interval is Student's t over the seeds. Another
interval, for cells that this matrix does not have, counts both as random (Brennan, Generalizability Theory, 2001,
two-way random effects; degrees of freedom by Satterthwaite).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from dcbench.analysis.statistics.matching import MIN_SEEDS, Floats

FEWEST_CELLS = 8
"""From so many cells on there is an interval for other cells."""

ALPHA = 0.05
"""Error rate of each verdict: two-sided for a difference, each side for equivalence."""


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence limits; the limits are NaN where none can be given."""

    mean: float
    low: float = math.nan
    high: float = math.nan


def interval_over_seeds(numbers: Floats, level: float = 1 - ALPHA) -> Interval:
    """Student's t over the seeds' means; only the point below three seeds."""
    means = numbers.mean(axis=1)
    if len(means) < MIN_SEEDS:
        return Interval(float(numbers.mean()))
    half = stats.t.ppf((1 + level) / 2, len(means) - 1) * means.std(ddof=1) / math.sqrt(len(means))
    return Interval(float(means.mean()), float(means.mean() - half), float(means.mean() + half))


def interval_over_cells_and_seeds(numbers: Floats, level: float = 1 - ALPHA) -> Interval:
    """For cells and seeds that are not here; only the point below eight cells or three seeds.

    Never narrower than `over_seeds`, which Satterthwaite's degrees of freedom would make it where cells are alike.
    """
    seeds, cells = numbers.shape
    mean = float(numbers.mean())
    if seeds < MIN_SEEDS or cells < FEWEST_CELLS:
        return Interval(mean)
    parts = [(numbers.mean(axis=0).var(ddof=1) / cells, cells - 1)]
    parts += [(numbers.mean(axis=1).var(ddof=1) / seeds, seeds - 1)]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return Interval(mean, mean, mean)
    freedom = variance**2 / sum(part**2 / free for part, free in parts)
    half = max(
        stats.t.ppf((1 + level) / 2, freedom) * math.sqrt(variance), mean - interval_over_seeds(numbers, level).low
    )
    return Interval(mean, mean - half, mean + half)


def p_difference(numbers: Floats) -> float:
    """Two-sided p of a mean of 0; NaN below three seeds."""
    return _p(numbers, 0.0, "two-sided")


def p_equivalence(numbers: Floats, margin: float) -> float:
    """p of a mean beyond the margin on either side: the larger of two one-sided tests (Schuirmann 1987)."""
    return max(_p(numbers, -margin, "greater"), _p(numbers, margin, "less"))


def _p(numbers: Floats, null: float, side: Literal["two-sided", "less", "greater"]) -> float:
    means = numbers.mean(axis=1)
    if len(means) < MIN_SEEDS:
        return math.nan
    spread = means.std(ddof=1) / math.sqrt(len(means))
    away = float(means.mean() - null)
    if spread == 0:
        certain = {"two-sided": away == 0, "greater": away <= 0, "less": away >= 0}[side]
        return float(certain)
    t = away / spread
    tails = {"two-sided": 2 * stats.t.sf(abs(t), len(means) - 1), "greater": stats.t.sf(t, len(means) - 1)}
    return float(tails[side]) if side in tails else float(stats.t.cdf(t, len(means) - 1))


def holm(values: Sequence[float]) -> list[float]:
    """p values corrected for as many tests as there are (Holm 1979); NaN stays and does not count."""
    order = sorted((p, at) for at, p in enumerate(values) if not math.isnan(p))
    corrected = list(values)
    largest = 0.0
    for rank, (p, at) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        corrected[at] = largest
    return corrected
