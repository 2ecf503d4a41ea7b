"""Borrow strength over the swaps of a matrix: estimate how far chance moves the mean effect of each swap.

In: for each swap of a family the variance of its mean effect over the seeds. Out: for each swap the posterior of that
variance, from which p values and intervals follow.

Three seeds tell little about a variance: Student's t has two degrees of freedom. The swaps of one matrix have similar
variances, though, and together they tell what a variance is like there. The model is that of Smyth (2004), "Linear
models and empirical Bayes methods for assessing differential expression in microarray experiments": with d = seeds - 1,

    s² | σ²  ~  σ² χ²(d) / d            the variance of the seeds' means that was seen, and the true one
    σ²       ~  s0² d0 / χ²(d0)         the true variances of the family

Smyth estimates s0² and d0 from thousands of variances; a matrix has three to ten, too few. Here both are integrated
over: log s0² is uniform, and 1 / d0 is uniform between 0 and 1. The effects keep a uniform prior, so a large one is not
pulled towards the others. For a family of one swap this is Student's t.

Only the means of the seeds enter. The cells of a seed share its weights and first batches, so they are not independent,
and the model does not take them to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

from dcbench.analysis.statistics.matching import Floats

STEP = 1 / 3
"""Distance of the points of the lattice over log σ². The integrands are smooth, so a sum over it is exact to 1e-6."""

LATTICE = np.arange(-30, 36, STEP)
"""Points of log σ² relative to the largest variance of the family."""

SMALLEST = 1e-8
"""Variances below this share of the largest count as this share, so that the lattice holds all of them."""

INTERVALS_OF_D0 = 8
D0 = INTERVALS_OF_D0 / (np.arange(INTERVALS_OF_D0) + 0.5)
"""Values of d0, from 16 to 1.07: the midpoints of eight equal intervals of 1 / d0."""


@dataclass(frozen=True, kw_only=True)
class SeedErrors:
    """How far chance moves the means over the seeds, for each swap of a family.

    Attributes:
        weights: The posterior of σ² `(..., swaps, points)`; each swap's weights add up to 1.
        errors: The standard error of the mean at each of these points.
    """

    weights: Floats
    errors: Floats

    def tail(self, distances: Floats) -> Floats:
        """Return the probability that chance moves a mean by at least this distance, upwards."""
        tails: Floats = (self.weights * special.ndtr(-distances[..., None] / self.errors)).sum(axis=-1)
        return tails

    def half_width(self, level: float) -> Floats:
        """Return how far an interval of this level reaches to each side of the mean."""
        low, high = np.zeros(self.weights.shape[:-1]), self.errors.max(axis=-1) * 10
        # Bisection: the tail falls with the distance. 80 halvings of e^18 standard errors reach the last digits.
        for _ in range(80):
            middle = (low + high) / 2
            is_inside = self.tail(middle) > (1 - level) / 2
            low, high = np.where(is_inside, middle, low), np.where(is_inside, high, middle)
        half: Floats = (low + high) / 2
        return half

    def match_t(self) -> tuple[Floats, Floats]:
        """Return the squared standard error and the degrees of freedom of the Student's t that is most alike.

        Its variance of the mean v is inverse chi-square with f degrees of freedom: 1 / v has the mean and the variance
        of the posterior.
        """
        precision = 1 / self.errors**2
        mean = (self.weights * precision).sum(axis=-1)
        spread = (self.weights * precision**2).sum(axis=-1) - mean**2
        return 1 / mean, 2 * mean**2 / spread


def estimate_seed_errors(variances: Floats, seeds: Floats) -> SeedErrors:
    """Return the errors of means over `seeds`, whose variances over the seeds are `(..., swaps)`, all above 0."""
    largest = variances.max(axis=-1, keepdims=True)
    freedom = (seeds - 1)[..., None]
    # Likelihood of each point of log σ²: s² d / σ² is chi-square.
    ratio = np.maximum(variances / largest, SMALLEST)[..., None] * np.exp(-LATTICE)
    log_likelihood = freedom / 2 * (np.log(ratio) - ratio)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=-1, keepdims=True))
    prior = _tabulate_prior()
    # How well each (d0, s0²) explains one swap, and then all others: a swap's own variance is used only once.
    evidence = np.log(np.maximum(np.einsum("...p,dpq->...dq", likelihood, prior, optimize=True), 1e-300))
    others = evidence.sum(axis=-3, keepdims=True) - evidence
    others = np.exp(others - others.max(axis=(-2, -1), keepdims=True))
    weights = likelihood * np.einsum("...dq,dpq->...p", others, prior, optimize=True)
    weights /= weights.sum(axis=-1, keepdims=True)
    errors = np.exp(LATTICE / 2) * np.sqrt(largest)[..., None] / np.sqrt(seeds)[..., None]
    return SeedErrors(weights=weights, errors=np.broadcast_to(errors, weights.shape))


@cache
def _tabulate_prior() -> Floats:
    """Return the prior of log σ² given log s0² `(d0, points, points)`: the same shape, moved along the lattice."""
    shift = LATTICE[:, None] - LATTICE
    # exp of more than 700 overflows; the density there is 0 in any case.
    log_prior = -D0[:, None, None] / 2 * (shift + np.exp(np.minimum(-shift, 700)))
    normalisation = D0 / 2 * np.log(D0 / 2) - special.gammaln(D0 / 2)
    prior: Floats = np.exp(log_prior + normalisation[:, None, None])
    return prior
