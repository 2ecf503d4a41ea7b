"""Simulate what matrices can find: `python -m benchmarks.power` writes power.csv and variances.csv in dcbench/core.

power.csv has the effect that is found in 80 % of the matrices, for numbers of seeds and of swaps, in units of how far
a swap's mean over the cells varies from seed to seed. The estimate and the correction are those of the report; one swap
of each matrix has the effect, the others have none. The swaps vary unequally, as measured. variances.csv has the
variances that turn these units into scores: `dcbench plan` reads both, without numpy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize

from benchmarks.simulated_matrices import DATASETS, METRIC, VARIANCES, Floats, correct_holm, read_spread
from dcbench.analysis.statistics.moderation import estimate_seed_errors

CORE = Path(__file__).parent.parent / "dcbench" / "core"
POWER_TABLE, VARIANCE_TABLE = CORE / "power.csv", CORE / "variances.csv"
SEEDS = (3, 4, 5, 6, 8, 10, 15, 20)
SWAPS = (1, 2, 3, 4, 6, 8, 12, 20)
MATRICES = 2000
SHARE_FOUND = 0.8
TYPICAL_CELLS = 6
"""Cells of a swap on one dataset at which the measured swaps are compared; in small_cpu it has four."""


def measure_inequality() -> Floats:
    """Return how much more each measured swap varies from seed to seed than the mean of its dataset's swaps."""
    parts = []
    for dataset in DATASETS:
        spread = read_spread(dataset)
        variances = spread.seed_by_effect + spread.residual / TYPICAL_CELLS
        parts.append(variances / variances.mean())
    return np.concatenate(parts)


def find_detectable(seeds: int, swaps: int, matrices: int = MATRICES) -> float:
    """Return the effect that is found in 80 % of the matrices, in standard deviations of a seed's mean."""
    rng = np.random.default_rng([seeds, swaps])
    variances = rng.choice(measure_inequality(), (matrices, swaps))
    numbers = rng.normal(size=(seeds, matrices, swaps)) * np.sqrt(variances)
    means = numbers.mean(axis=0)
    errors = estimate_seed_errors(numbers.var(axis=0, ddof=1), np.full((matrices, swaps), seeds))
    p_values = 2 * errors.tail(np.abs(means))

    def miss(effect: float) -> float:
        # The first swap has the effect: which one does not matter, since each has a variance drawn alike.
        moved = means + np.where(np.arange(swaps) == 0, effect, 0.0)
        p_moved = p_values.copy()
        p_moved[:, 0] = 2 * errors.tail(np.abs(moved))[:, 0]
        found = (correct_holm(p_moved)[:, 0] < 0.05) & (moved[:, 0] > 0)
        return SHARE_FOUND - float(found.mean())

    return float(optimize.brentq(miss, 0, 30, xtol=1e-3))


def summarise_variances() -> pd.DataFrame:
    """Return the mean variances of each dataset's swaps.

    Negative estimates count as 0, as in the simulations: a mean of a few of them would promise too much.
    """
    table = pd.read_csv(VARIANCES)
    table = table[(table["metric"] == METRIC) & table["residual"].notna()]
    components = ["seed_by_effect", "residual"]
    table[components] = table[components].clip(lower=0)
    return table.groupby(["dataset", "matrix"], sort=False)[components].mean().reset_index()


def main() -> None:
    rows = [
        {"seeds": seeds, "swaps": swaps, "effect": find_detectable(seeds, swaps)} for seeds in SEEDS for swaps in SWAPS
    ]
    pd.DataFrame(rows).to_csv(POWER_TABLE, index=False, float_format="%.3f")
    summarise_variances().to_csv(VARIANCE_TABLE, index=False, float_format="%.3g")
    print(POWER_TABLE.read_text(), VARIANCE_TABLE.read_text(), sep="\n", end="")


if __name__ == "__main__":
    main()
