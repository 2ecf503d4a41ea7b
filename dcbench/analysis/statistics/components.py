"""Split the differences of matched pairs into what varies with the seed, with the cell, and with neither.

In: differences `(seeds, cells)` without a gap. Out: variance components. Each difference is

    effect + deviation of this cell + deviation of this seed + residual

The estimators are those of the two-way analysis of variance with random effects and one observation in each place
(Searle, Casella and McCulloch, Variance Components, 1992, section 4.4): with S seeds and C cells, the expected mean
squares are residual, residual + C seed, and residual + S cell. An estimate may be negative: cutting it off at 0 would
bias averages over many swaps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dcbench.analysis.statistics.matching import Floats


@dataclass(frozen=True, kw_only=True)
class Components:
    """Variances of matched differences; NaN where the design cannot tell them apart.

    Attributes:
        effect: The mean difference.
        seed_by_effect: The variance that all cells of a seed share.
        cell_by_effect: The variance that all seeds of a cell share: the effect differs from cell to cell.
        residual: The variance of a single difference beside those.
        seed_means: The variance of the means over the cells, which is what an effect's interval rests on.
        cell_means: The variance of the means over the seeds; with one seed, of the differences.
    """

    effect: float
    seed_by_effect: float
    cell_by_effect: float
    residual: float
    seed_means: float
    cell_means: float


def estimate_components(differences: Floats) -> Components:
    """Estimate the components from differences `(seeds, cells)`; two seeds and two cells tell all of them apart."""
    seeds, cells = differences.shape
    over_cells, over_seeds = differences.mean(axis=1), differences.mean(axis=0)
    effect = float(differences.mean())
    seed_means = float(over_cells.var(ddof=1)) if seeds > 1 else math.nan
    cell_means = float(over_seeds.var(ddof=1)) if cells > 1 else math.nan
    seed_by_effect = cell_by_effect = residual = math.nan
    if seeds > 1 and cells > 1:
        left = differences - over_cells[:, None] - over_seeds + effect
        residual = float((left**2).sum() / ((seeds - 1) * (cells - 1)))
        seed_by_effect = seed_means - residual / cells
        cell_by_effect = cell_means - residual / seeds
    return Components(
        effect=effect,
        seed_by_effect=seed_by_effect,
        cell_by_effect=cell_by_effect,
        residual=residual,
        seed_means=seed_means,
        cell_means=cell_means,
    )
