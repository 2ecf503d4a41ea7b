"""The statistics of a report once more, by another road: only numpy, pandas and scipy, nothing of dcbench.

The error estimate is the model of Smyth (2004) that docs/statistics.md describes, but the true variances are integrated
over by hand here: given s0² and d0, the variance that was seen is s0² times an F variable, and the mean has Student's t
with d0 + d degrees of freedom. What is left is an integral over log s0² and 1 / d0.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

ALPHA = 0.05

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
INVERSE_D0, INVERSE_D0_WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2
"""Nodes of Gauss and Legendre for 1 / d0, which is uniform between 0 and 1."""


@dataclass(frozen=True)
class Mean:
    """A mean over the seeds, with the mixture of Student's t distributions that it comes from."""

    mean: float
    weights: np.ndarray
    scales: np.ndarray
    freedoms: np.ndarray

    def tail(self, distance: float) -> float:
        """Return the probability that chance alone moves the mean by more than this, upwards."""
        return float(self.weights @ special.stdtr(self.freedoms, -distance / self.scales))

    def interval(self, level: float) -> tuple[float, float]:
        top = self.scales.max() * 1e4
        half = optimize.brentq(lambda distance: self.tail(distance) - (1 - level) / 2, 0, top, xtol=1e-9)
        return self.mean - half, self.mean + half

    @property
    def p(self) -> float:
        return 2 * self.tail(abs(self.mean))

    def p_same(self, margin: float) -> float:
        """Return the p value of the two one-sided tests against an effect of the size of the margin."""
        return max(self.tail(margin - self.mean), self.tail(margin + self.mean))


def moderate(family: Mapping[Hashable, np.ndarray]) -> dict[Hashable, Mean]:
    """Return the mean of each swap of a family, given as the means of its seeds; the swaps share their variances."""
    certain = {key for key, means in family.items() if np.ptp(means) < 1e-12}
    seen = {key: means for key, means in family.items() if key not in certain}
    # A mean that no seed moves is certain: a t distribution of no width.
    result = {key: Mean(family[key].mean(), np.ones(1), np.full(1, 1e-15), np.ones(1)) for key in certain}
    if not seen:
        return result
    variances = {key: means.var(ddof=1) for key, means in seen.items()}
    logs = np.log(list(variances.values()))
    prior_variance = np.exp(np.arange(logs.min() - 40, logs.max() + 30, 0.1))[:, None]
    d0 = 1 / INVERSE_D0[None, :]
    log_weights = np.broadcast_to(np.log(INVERSE_D0_WEIGHTS), (len(prior_variance), len(NODES))).copy()
    for key, variance in variances.items():
        freedom = len(seen[key]) - 1
        log_weights += stats.f.logpdf(variance / prior_variance, freedom, d0) - np.log(prior_variance)
    weights = np.exp(log_weights - log_weights.max())
    used = weights > 1e-12
    weights = weights[used] / weights[used].sum()
    grids = [grid[used] for grid in np.broadcast_arrays(prior_variance, d0)]
    for key, means in seen.items():
        freedom = len(means) - 1
        total = grids[1] + freedom
        pooled = (grids[1] * grids[0] + freedom * variances[key]) / total
        result[key] = Mean(means.mean(), weights, np.sqrt(pooled / len(means)), total)
    return result


def student(means: np.ndarray, margin: float) -> dict[str, float]:
    """Return the mean of the seeds with its tests by Student's t; NaN below three seeds, but for the mean.

    `p_same` is the larger p value of two one-sided tests against the margin.
    """
    if len(means) < 3:
        return {"mean": float(means.mean())} | dict.fromkeys(("low", "high", "p", "p_same"), np.nan)
    test = stats.ttest_1samp(means, 0)
    low, high = test.confidence_interval(0.95)
    above = stats.ttest_1samp(means, margin, alternative="less").pvalue
    below = stats.ttest_1samp(means, -margin, alternative="greater").pvalue
    return {
        "mean": float(means.mean()), "low": float(low), "high": float(high), "p": float(test.pvalue),
        "p_same": float(max(above, below)),
    }  # fmt: skip


def holm(p_values: pd.Series) -> pd.Series:
    """Return the p values corrected for their number by Holm's steps."""
    ordered = p_values.dropna().sort_values()
    steps = np.arange(len(ordered), 0, -1)
    corrected = (ordered * steps).cummax().clip(upper=1)
    return corrected.reindex(p_values.index)


def judge(mean: float, p_holm: float, p_same: float, better: str = "higher") -> str:
    if p_same < ALPHA:
        return "same"
    if not p_holm < ALPHA:
        return "cannot tell"
    return "better" if (mean > 0) == (better == "higher") else "worse"


def floor_of(groups: list[np.ndarray]) -> dict[str, float]:
    """Return how far two runs of one experiment differ: 95 % of differences are below `floor` (ISO 5725-6)."""
    freedom = sum(len(group) - 1 for group in groups)
    within = sum((len(group) - 1) * group.var(ddof=1) for group in groups) / freedom
    pairs = sum(len(group) * (len(group) - 1) // 2 for group in groups)
    rms = np.sqrt(2 * within)
    return {"pairs": pairs, "freedom": freedom, "rms": rms, "floor": stats.t.ppf(0.975, freedom) * rms}


def median_time(times: pd.Series, reached: pd.Series) -> float:
    """Return when half of the runs have reached it, by Kaplan and Meier; NaN if fewer ever do."""
    share = 1.0
    for time in sorted(times[reached].unique()):
        share *= 1 - (reached & (times == time)).sum() / (times >= time).sum()
        if share <= 0.5:
            return float(time)
    return np.nan
