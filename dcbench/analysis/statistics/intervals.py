"""Compute intervals and tests of mean effects, and correct p values.

In: numbers `(seeds, cells)` without a gap. Out: intervals and p values. Seeds are crossed with cells (common random
numbers), so a seed moves all cells together: each seed is averaged over the cells first. What these means tell about
chance is estimated for a family of effects together (moderation.py); a level by itself has Student's t. A second
interval, for cells that this matrix does not have, treats both cells and seeds as random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dcbench.analysis.statistics.matching import MIN_SEEDS, Floats
from dcbench.analysis.statistics.moderation import estimate_seed_errors

MIN_CELLS = 8
"""The fewest cells that give an interval for other cells."""

ALPHA = 0.05
"""Error rate of each verdict: two-sided for a difference, each side for equivalence."""

ROUNDING = 1e-12
"""Differences of the seeds below this share of the numbers come from rounding."""


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


@dataclass(frozen=True, kw_only=True)
class Inference:
    """What can be said of a mean difference.

    Attributes:
        interval: The 95 % interval for the cells of this matrix; NaN limits below three seeds, as all that follows.
        interval_90: The 90 % interval.
        interval_other_cells: The 95 % interval for other cells; NaN limits below eight cells.
        p: The two-sided p value of a mean of 0.
        p_same: The p value of a mean beyond the margin: the larger of two one-sided tests (Schuirmann 1987).
        probability_below, probability_within, probability_above: The posterior probabilities that the mean is below
            the negative margin, within the margins, and above the margin (Benavoli, Corani et al. 2017).
    """

    interval: Interval
    interval_90: Interval
    interval_other_cells: Interval
    p: float
    p_same: float
    probability_below: float
    probability_within: float
    probability_above: float


def infer_means(family: Sequence[Floats], margin: float) -> list[Inference]:
    """Return intervals and tests of the mean of each table of numbers `(seeds, cells)`.

    The tables are those of effects that lend each other what they tell about chance; a table by itself has Student's t.
    """
    over_cells = [numbers.mean(axis=1) for numbers in family]
    # Seeds that all agree, but for rounding, leave no doubt, and tell nothing about the others.
    uncertain = [
        place
        for place, (means, numbers) in enumerate(zip(over_cells, family, strict=True))
        if len(means) >= MIN_SEEDS and np.ptp(means) > ROUNDING * np.abs(numbers).max()
    ]
    inferences = [_infer_without_error(numbers, margin) for numbers in family]
    if not uncertain:
        return inferences
    seeds = np.array([len(over_cells[place]) for place in uncertain])
    means = np.array([over_cells[place].mean() for place in uncertain])
    errors = estimate_seed_errors(np.array([over_cells[place].var(ddof=1) for place in uncertain]), seeds)
    halves, halves_90 = errors.half_width(1 - ALPHA), errors.half_width(1 - 2 * ALPHA)
    p_values = 2 * errors.tail(np.abs(means))
    # The prior of the mean is uniform, so what chance does to the mean is also what the mean may be.
    above, below = errors.tail(margin - means), errors.tail(margin + means)
    p_same = np.maximum(above, below)
    squared_errors, freedoms = errors.match_t()
    for number, place in enumerate(uncertain):
        mean, half, half_90 = float(means[number]), float(halves[number]), float(halves_90[number])
        half_other = _extend_to_other_cells(family[place], float(squared_errors[number]), float(freedoms[number]), half)
        inferences[place] = Inference(
            interval=Interval(mean=mean, low=mean - half, high=mean + half),
            interval_90=Interval(mean=mean, low=mean - half_90, high=mean + half_90),
            interval_other_cells=Interval(mean=mean, low=mean - half_other, high=mean + half_other),
            p=float(p_values[number]),
            p_same=float(p_same[number]),
            probability_below=float(below[number]),
            probability_within=float(1 - above[number] - below[number]),
            probability_above=float(above[number]),
        )
    return inferences


def _infer_without_error(numbers: Floats, margin: float) -> Inference:
    """Return what can be said without an estimate of chance: nothing below three seeds, else the mean is certain."""
    mean = float(numbers.mean())
    if len(numbers) < MIN_SEEDS:
        point, unknown = Interval(mean=mean), math.nan
        return Inference(
            interval=point,
            interval_90=point,
            interval_other_cells=point,
            p=unknown,
            p_same=unknown,
            probability_below=unknown,
            probability_within=unknown,
            probability_above=unknown,
        )
    exact = Interval(mean=mean, low=mean, high=mean)
    half_other = _extend_to_other_cells(numbers, 0.0, len(numbers) - 1, 0.0)
    return Inference(
        interval=exact,
        interval_90=exact,
        interval_other_cells=Interval(mean=mean, low=mean - half_other, high=mean + half_other),
        p=float(mean == 0),
        p_same=float(abs(mean) >= margin),
        probability_below=float(mean <= -margin),
        probability_within=float(abs(mean) < margin),
        probability_above=float(mean >= margin),
    )


def _extend_to_other_cells(numbers: Floats, squared_error: float, freedom: float, half: float) -> float:
    """Return half the width of the interval for other cells and seeds; NaN below eight cells.

    Two-way random effects (Brennan, Generalizability Theory, 2001), degrees of freedom by Satterthwaite (1946).
    `squared_error` and `freedom` are those of the mean over the seeds, `half` is half the interval for these cells.
    """
    _, cells = numbers.shape
    if cells < MIN_CELLS:
        return math.nan
    # The variance of the mean is that of the cells' means plus that of the seeds' means. Each contains a part of the
    # residual, which is counted twice: the interval errs on the wide side.
    terms = [(float(numbers.mean(axis=0).var(ddof=1)) / cells, cells - 1), (squared_error, freedom)]
    total = sum(term for term, _ in terms)
    if total == 0:
        return 0.0
    satterthwaite = total**2 / sum(term**2 / degrees for term, degrees in terms)
    # Where cells are alike, the extra degrees of freedom would make it narrower than the interval for these cells.
    return max(half, float(stats.t.ppf(1 - ALPHA / 2, satterthwaite)) * math.sqrt(total))


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
