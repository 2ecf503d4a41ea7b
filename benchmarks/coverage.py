"""Measure how often intervals cover and verdicts are right: `python -m benchmarks.coverage` writes docs/coverage.csv.

Simulates 2,000 matrices of each kind with a known truth, from the variances of committed results
(simulated_matrices.py), and judges them as the report does: errors estimated over the swaps of a matrix, p values
corrected by Holm over its swaps, `same` before `better` and `worse`, and only where each dataset is the same, here with
the margin of 0.02 on both. `python -m benchmarks.error_estimates` compares this estimate with others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.simulated_matrices import (
    CASES,
    DATASETS,
    EFFECTS,
    SITUATIONS,
    Case,
    Floats,
    Simulated,
    correct_holm,
    plant,
    simulate,
)
from dcbench.analysis.statistics.intervals import ALPHA
from dcbench.analysis.statistics.moderation import SeedErrors, estimate_seed_errors

TABLE = Path(__file__).parent.parent / "docs" / "coverage.csv"
MATRICES = 2000
MARGIN = 0.02
Estimate = tuple[Floats, SeedErrors]
"""Means of the swaps `(matrices, swaps)`, and how far chance moves them."""

CELLS_DIFFER_BY = 0.03
"""Standard deviation of the effect over cells, for the interval for other cells."""

HEADER = [
    "cells", "seeds", "deviations", "95 % interval covers", "covers within a dataset", "covers the noisiest swap",
    "other cells' interval covers", "matrices with a wrong difference", "wrong equivalence",
    "no effect is found to be the same",
    *(f"finds {effect:g}" for effect in EFFECTS),
]  # fmt: skip


def measure(case: Case, matrices: int = MATRICES) -> list[float]:
    """Return the shares of one case, in the order of the header."""
    rng = np.random.default_rng([case.cells, case.seeds, SITUATIONS.index(case.situation)])
    simulated = simulate(case, matrices, rng)
    means, errors = estimate(simulated.differences)
    p_values = 2 * errors.tail(np.abs(means))
    # The last axis of the scores is the dataset, so its cells alternate.
    count = len(DATASETS)
    parts = [estimate([numbers[..., place::count] for numbers in simulated.differences]) for place in range(count)]
    is_same, is_different = judge(means, errors, parts)
    # A value whose effect is the margin, or larger: is it called the same, and is it found?
    every = np.arange(matrices)
    wrong_same, found = [], []
    for effect in EFFECTS:
        added, asked = plant(simulated, effect, rng)
        moved = means + added
        moved_parts = [(part_means + added, part_errors) for part_means, part_errors in parts]
        same, different = judge(moved, errors, moved_parts)
        wrong_same.append(same[every, asked].mean())
        found.append((different & (moved > 0))[every, asked].mean())
    is_noisiest = simulated.noise == simulated.noise.max(axis=1, keepdims=True)
    return [
        (p_values >= ALPHA).mean(),
        np.mean([2 * part_errors.tail(np.abs(part_means)) >= ALPHA for part_means, part_errors in parts]),
        (p_values >= ALPHA)[is_noisiest].mean(),
        cover_other_cells(simulated, errors, rng).mean(),
        is_different.any(axis=1).mean(),
        wrong_same[EFFECTS.index(MARGIN)],
        is_same.mean(),
        *found,
    ]


def estimate(differences: Sequence[Floats]) -> Estimate:
    """Return the mean of each swap `(matrices, swaps)`, and how far chance moves it."""
    over_cells = [numbers.mean(axis=2) for numbers in differences]
    variances = np.stack([numbers.var(axis=1, ddof=1) for numbers in over_cells], axis=1)
    means = np.stack([numbers.mean(axis=1) for numbers in over_cells], axis=1)
    return means, estimate_seed_errors(variances, np.full(variances.shape, over_cells[0].shape[1]))


def judge(means: Floats, errors: SeedErrors, parts: Sequence[Estimate]) -> tuple[np.ndarray, np.ndarray]:
    """Return which swaps are called the same, and which different; `parts` are the estimates within each dataset."""
    is_same = np.all(
        [part_errors.tail(MARGIN - np.abs(part_means)) < ALPHA for part_means, part_errors in parts], axis=0
    )
    is_different = correct_holm(2 * errors.tail(np.abs(means))) < ALPHA
    return is_same, is_different & ~is_same


def cover_other_cells(simulated: Simulated, errors: SeedErrors, rng: np.random.Generator) -> np.ndarray:
    """Return which intervals for other cells contain the mean effect over all possible cells, which is 0.

    The effect of each swap differs from cell to cell here, and is alike for all seeds.
    """
    covers = []
    squared_errors, freedoms = errors.match_t()
    for swap, numbers in enumerate(simulated.differences):
        matrices, _, cells = numbers.shape
        by_cell = numbers.mean(axis=1) + rng.normal(0, CELLS_DIFFER_BY, (matrices, cells))
        means, of_cells = by_cell.mean(axis=1), by_cell.var(axis=1, ddof=1) / cells
        total = of_cells + squared_errors[:, swap]
        freedom = total**2 / (of_cells**2 / (cells - 1) + squared_errors[:, swap] ** 2 / freedoms[:, swap])
        half = stats.t.ppf(1 - ALPHA / 2, freedom) * np.sqrt(total)
        distances = np.zeros((matrices, len(simulated.differences)))
        distances[:, swap] = np.abs(means)
        # It is never narrower than the interval for these cells.
        covers.append((np.abs(means) <= half) | (2 * errors.tail(distances)[:, swap] >= ALPHA))
    return np.stack(covers, axis=1)


def format_row(case: Case, shares: list[float]) -> str:
    return ",".join([str(case.cells), str(case.seeds), case.situation, *(f"{share:.3f}" for share in shares)])


def main() -> None:
    rows = [",".join(HEADER), *(format_row(case, measure(case)) for case in CASES)]
    TABLE.write_text("\n".join(rows) + "\n")
    print(TABLE.read_text(), end="")


if __name__ == "__main__":
    main()
