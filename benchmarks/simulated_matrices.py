"""Simulate matrices with a known truth, from the variance components of committed results (docs/variances.csv).

In: a Case. Out: the matched differences of every swap of many matrices at once. A matrix has two datasets, an axis of
three values and axes of two. The score of a run is the sum of

- the effect of each of its values, and the deviation of this effect in its cell,
- the deviation of each of its values with its seed: the same in all cells of a dataset, so that a seed moves them
  together, and of another size for each axis,
- noise of its own: training is chaotic.

What all values of an axis share (the level of the seed, the level of the cell) drops out of matched differences.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcbench.core.columns import DEFAULT_RULER, RULERS

VARIANCES = Path(__file__).parent.parent / "docs" / "variances.csv"
METRIC = RULERS[DEFAULT_RULER].column
DATASETS = ("mnist", "cifar10")
AXES = {24: (3, 2, 2), 48: (3, 2, 2, 2)}
"""Cells of both datasets together -> the number of values of each axis."""

SITUATIONS = ("measured", "heavy tails", "alike", "one noisy", "odd seeds")
"""How the deviations are spread over axes and seeds.

measured: the variance of each axis is drawn from the measured ones. heavy tails: the same, and all deviations follow
Student's t with five degrees of freedom, whose excess kurtosis is 6; the differences between faiss and scikit-learn on
MNIST have 7 (mnist_cifar_cpu), most others are below 0. alike: all axes have the mean of the measured variances. one
noisy: the last axis has the largest measured variance, the others have none. odd seeds: as measured, but some seeds
deviate more than others, in all axes at once.
"""

TAILS = 5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A design and how its deviations are spread."""

    cells: int
    seeds: int
    situation: str


CASES = [
    Case(cells=cells, seeds=seeds, situation=situation)
    for cells in AXES
    for seeds in (3, 5, 10)
    for situation in SITUATIONS
]
"""Every design in every situation."""

EFFECTS = (0.02, 0.04, 0.06, 0.1, 0.15)
"""True effects that are planted to measure what is found."""


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """Matched differences of many matrices, without any true effect.

    Attributes:
        scores: Of each run `(matrices, seeds, one for each axis, datasets)`.
        differences: For each swap `(matrices, seeds, cells)`.
        swaps: The axis and the two values of each swap.
        noise: How much each swap deviates with the seed `(matrices, swaps)`: the variance that was put in.
    """

    scores: Floats
    differences: list[Floats]
    swaps: list[tuple[int, int, int]]
    noise: Floats


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The measured variances of one dataset: seed by effect for each axis, and the residual of a difference."""

    seed_by_effect: Floats
    residual: float


def read_spread(dataset: str, metric: str = METRIC) -> Spread:
    """Return the measured variances of a dataset, negative estimates as 0."""
    table = pd.read_csv(VARIANCES)
    rows = table[(table["dataset"] == dataset) & (table["metric"] == metric) & table["residual"].notna()]
    return Spread(
        seed_by_effect=rows["seed_by_effect"].clip(lower=0).to_numpy(), residual=float(rows["residual"].mean())
    )


def simulate(case: Case, matrices: int, rng: np.random.Generator) -> Simulated:
    """Return the differences of this many matrices."""
    levels = AXES[case.cells]
    shape = (matrices, case.seeds, *levels)
    odd = np.ones((matrices, case.seeds))
    if case.situation == "odd seeds":
        odd = np.sqrt((TAILS - 2) / rng.chisquare(TAILS, odd.shape))
    scores, noises = [], []
    for dataset in DATASETS:
        spread = read_spread(dataset)
        variances = draw_variances(case, spread, (matrices, len(levels)), rng)
        # A difference of two runs has the residual, so each of them has half of it.
        score = draw(case, shape, rng) * np.sqrt(spread.residual / 2)
        for axis, values in enumerate(levels):
            deviations = draw(case, (matrices, case.seeds, values), rng) * np.sqrt(variances[:, axis, None, None] / 2)
            deviations *= odd[:, :, None]
            score += deviations.reshape(
                matrices, case.seeds, *(values if other == axis else 1 for other in range(len(levels)))
            )
        scores.append(score)
        noises.append(variances)
    both = np.stack(scores, axis=-1)
    swaps = [
        (axis, before, after)
        for axis, values in enumerate(levels)
        for before, after in itertools.combinations(range(values), 2)
    ]
    differences = []
    for axis, before, after in swaps:
        of_axis = np.moveaxis(both, 2 + axis, 2)
        differences.append((of_axis[:, :, after] - of_axis[:, :, before]).reshape(matrices, case.seeds, -1))
    noise = sum(noises)[:, [axis for axis, _, _ in swaps]]
    return Simulated(scores=both, differences=differences, swaps=swaps, noise=noise)


def draw(case: Case, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Return deviations of variance 1."""
    if case.situation == "heavy tails":
        return rng.standard_t(TAILS, shape) / np.sqrt(TAILS / (TAILS - 2))
    return rng.normal(size=shape)


def draw_variances(case: Case, spread: Spread, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return the seed-by-effect variance of each axis `(matrices, axes)`."""
    measured = spread.seed_by_effect
    if case.situation == "alike":
        return np.full(shape, measured.mean())
    if case.situation == "one noisy":
        return np.where(np.arange(shape[1]) == shape[1] - 1, measured.max(), 0.0) * np.ones(shape)
    return rng.choice(measured, shape)


def plant(simulated: Simulated, effect: float, rng: np.random.Generator) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return what one value with an effect adds to each swap `(matrices, swaps)`, and the swap that is asked about.

    The value is the second of the swap. Other swaps with the same value have the effect as well.
    """
    asked = rng.integers(len(simulated.swaps), size=len(simulated.noise))
    axis, before, after = np.array(simulated.swaps).T
    gains = (axis == axis[asked, None]) & (after == after[asked, None])
    loses = (axis == axis[asked, None]) & (before == after[asked, None])
    return effect * (gains.astype(float) - loses), asked


def correct_holm(p_values: Floats) -> Floats:
    """Return p values `(matrices, swaps)` corrected over the swaps of each matrix (Holm 1979), as the report does."""
    order = np.argsort(p_values, axis=1)
    steps = np.take_along_axis(p_values, order, axis=1) * (p_values.shape[1] - np.arange(p_values.shape[1]))
    corrected = np.empty_like(p_values)
    np.put_along_axis(corrected, order, np.minimum(np.maximum.accumulate(steps, axis=1), 1), axis=1)
    return corrected
