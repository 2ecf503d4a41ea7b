"""Compare ways to estimate how far chance moves an effect: `python -m benchmarks.error_estimates`.

Writes docs/error_estimates.csv: on the same simulated matrices, how often 95 % intervals cover, how often a matrix
without any effect shows one, and how often planted effects are found after Holm's correction.

- t: Student's t over the means of the seeds, each swap by itself.
- moderated: Smyth's moderated t (2004) over the swaps of a matrix, with d0 and s0² estimated as in section 6.2 of the
  paper, and the degrees of freedom at most those of all swaps together, as in limma.
- mixed: a mixed model for each swap with cells fixed and seeds random. With balanced data, restricted maximum
  likelihood has a closed form: the analysis of variance, or one pooled variance where that of the seeds would be
  negative. Degrees of freedom by Satterthwaite. (statsmodels' MixedLM gives the same errors, but takes the normal
  distribution: at three seeds that covers 86 to 92 %.)
- posterior: the model of moderated, with d0 and s0² integrated over (dcbench/analysis/statistics/moderation.py). Its
  tails are the posterior probabilities of Corani, Benavoli et al. (2017): P(better), P(within the margin), P(worse).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special, stats

from benchmarks.simulated_matrices import (
    CASES,
    EFFECTS,
    SITUATIONS,
    Case,
    Floats,
    Simulated,
    correct_holm,
    plant,
    simulate,
)
from dcbench.analysis.statistics.moderation import estimate_seed_errors

TABLE = Path(__file__).parent.parent / "docs" / "error_estimates.csv"
MATRICES = 1000
HEADER = "method,cells,seeds,situation,covers,covers the noisiest,wrong in a null matrix," + ",".join(
    f"finds {effect:g}" for effect in EFFECTS
)

Tail = Callable[[Floats], Floats]
"""Distances `(matrices, swaps)` -> the probability that chance moves a mean by at least as much, upwards."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """What the methods see of each swap `(matrices, swaps)`.

    Attributes:
        means: The mean difference.
        variances: The variance over the seeds of their means.
        residuals: The same variance, had the seeds nothing in common over the cells.
        seeds, cells: The design.
    """

    means: Floats
    variances: Floats
    residuals: Floats
    seeds: int
    cells: int


def summarise(simulated: Simulated) -> Moments:
    """Return the moments of the simulated differences."""
    means, variances, residuals = [], [], []
    for numbers in simulated.differences:
        _, seeds, cells = numbers.shape
        over_cells = numbers.mean(axis=2)
        left = numbers - over_cells[:, :, None] - numbers.mean(axis=1, keepdims=True)
        left += numbers.mean(axis=(1, 2), keepdims=True)
        means.append(over_cells.mean(axis=1))
        variances.append(over_cells.var(axis=1, ddof=1))
        residuals.append((left**2).sum(axis=(1, 2)) / ((seeds - 1) * (cells - 1)) / cells)
    # All swaps of these designs have as many seeds; the number of cells only matters to the mixed model.
    return Moments(
        means=np.stack(means, axis=1),
        variances=np.stack(variances, axis=1),
        residuals=np.stack(residuals, axis=1),
        seeds=seeds,
        cells=cells,
    )


def t_over_seeds(moments: Moments) -> Tail:
    return make_t(moments.variances / moments.seeds, moments.seeds - 1)


def moderated(moments: Moments) -> Tail:
    variance, freedom = moderate(moments.variances, moments.seeds - 1)
    return make_t(variance / moments.seeds, freedom)


def moderate(variances: Floats, freedom: int) -> tuple[Floats, Floats]:
    """Return the moderated variances and their degrees of freedom, for each row of variances (Smyth 2004)."""
    logs = np.log(variances) - special.digamma(freedom / 2) + np.log(freedom / 2)
    center = logs.mean(axis=1, keepdims=True)
    excess = logs.var(axis=1, ddof=1, keepdims=True) - special.polygamma(1, freedom / 2)
    # No more spread than chance: all variances are one.
    is_one = excess <= 0
    prior_freedom = 2 * invert_trigamma(np.where(is_one, 1.0, excess))
    prior = np.exp(center + np.where(is_one, 0, special.digamma(prior_freedom / 2) - np.log(prior_freedom / 2)))
    moderated = (prior_freedom * prior + freedom * variances) / (prior_freedom + freedom)
    most = freedom * variances.shape[1]
    total = np.where(is_one, most, np.minimum(prior_freedom + freedom, most))
    return np.where(is_one, prior, moderated), np.broadcast_to(total, variances.shape)


def invert_trigamma(values: Floats) -> Floats:
    """Return the argument at which trigamma has these values, by Newton's method (appendix of Smyth 2004)."""
    found = 0.5 + 1 / values
    for _ in range(50):
        trigamma = special.polygamma(1, found)
        found = found + trigamma * (1 - trigamma / values) / special.polygamma(2, found)
    return found


def mixed(moments: Moments) -> Tail:
    freedom, cells = moments.seeds - 1, moments.cells
    pooled = (moments.variances + (cells - 1) * moments.residuals) / cells
    has_seeds = moments.variances > moments.residuals
    variance = np.where(has_seeds, moments.variances, pooled)
    return make_t(variance / moments.seeds, np.where(has_seeds, freedom, freedom * cells))


def posterior(moments: Moments) -> Tail:
    return estimate_seed_errors(moments.variances, np.full(moments.variances.shape, moments.seeds)).tail


def make_t(squared_error: Floats, freedom: Floats | int) -> Tail:
    return lambda distances: stats.t.sf(distances / np.sqrt(squared_error), freedom)


METHODS = {"t": t_over_seeds, "moderated": moderated, "mixed": mixed, "posterior": posterior}


def measure(case: Case, matrices: int = MATRICES) -> dict[str, list[float]]:
    """Return the figures of each method on the same matrices of one case."""
    rng = np.random.default_rng([case.cells, case.seeds, SITUATIONS.index(case.situation)])
    simulated = simulate(case, matrices, rng)
    moments = summarise(simulated)
    planted = [plant(simulated, effect, rng) for effect in EFFECTS]
    is_noisiest = simulated.noise == simulated.noise.max(axis=1, keepdims=True)
    every = np.arange(matrices)
    figures = {}
    for name, method in METHODS.items():
        tail = method(moments)
        p_values = 2 * tail(np.abs(moments.means))
        covers = p_values >= 0.05
        wrong = (correct_holm(p_values) < 0.05).any(axis=1)
        found = []
        for added, asked in planted:
            means = moments.means + added
            p_holm = correct_holm(2 * tail(np.abs(means)))
            # A certain effect of the wrong sign is not found.
            found.append(((p_holm < 0.05) & (means > 0))[every, asked].mean())
        figures[name] = [covers.mean(), covers[is_noisiest].mean(), wrong.mean(), *found]
    return figures


def main() -> None:
    rows = [HEADER]
    for case in CASES:
        for name, figures in measure(case).items():
            numbers = ",".join(f"{figure:.3f}" for figure in figures)
            rows.append(f"{name},{case.cells},{case.seeds},{case.situation},{numbers}")
    TABLE.write_text("\n".join(rows) + "\n")
    print(TABLE.read_text(), end="")


if __name__ == "__main__":
    main()
