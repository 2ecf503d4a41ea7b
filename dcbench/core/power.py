"""Say how large an effect must be for the planned seeds of a matrix to find it.

In: the planned runs, and those of them that are done. Out: for each dataset the smallest effect on the score that
choices are judged by, which the report would find in 80 % of matrices like this one. Needs neither numpy nor pandas,
since planning is instant: `python -m benchmarks.power` has simulated what a matrix finds (power.csv) and written down
how far effects vary from seed to seed in committed results (variances.csv).
"""

from __future__ import annotations

import csv
import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from statistics import fmean, variance

from dcbench import registry
from dcbench.core.columns import DEFAULT_RULER, RULERS
from dcbench.core.matrix.expand import Plan
from dcbench.core.spec import CONDITIONS, RunSpec
from dcbench.core.store.status import PlannedRun

METRIC = RULERS[DEFAULT_RULER].column
"""The score whose variances were measured in committed results, by which the report judges."""

MIN_SEEDS = 3
"""The fewest seeds with which the report says more than a mean."""

MORE_SEEDS = 10
"""A number of seeds to compare the planned one with."""

MIN_FREEDOM = 6
"""Degrees of freedom, over all swaps, from which on a matrix's own results say how far its effects vary."""


@dataclass(frozen=True, kw_only=True)
class Power:
    """What the seeds of a matrix can find on one dataset.

    Attributes:
        dataset: The dataset; `all` for the mean over the datasets of a matrix, which its report is about.
        cells: The cells of the matrix with this dataset.
        swaps: The swaps that the report corrects for.
        metric: The score that effects are found in.
        detectable: Number of seeds -> the smallest effect that is found in 80 % of such matrices.
        source: Whose variances these are: a committed matrix's, or those of the runs of this matrix.
    """

    dataset: str
    cells: int
    swaps: int
    metric: str
    detectable: dict[int, float]
    source: str


@dataclass(frozen=True, kw_only=True)
class _Variances:
    """How far effects vary on a dataset: with the seed, in all cells alike, and from pair to pair."""

    seed_by_effect: float
    residual: float
    source: str


Swap = list[dict[int, float]]
"""For each cell that has both sides of a swap: seed -> difference."""


def estimate_power(plan: Plan, runs: Sequence[PlannedRun]) -> list[Power]:
    """Return what the planned seeds, and ten, can find on each dataset, and on all of them together.

    `runs` are the planned runs with their states. The score is that of the default ruler. The list is empty when the
    matrix swaps nothing but conditions.
    """
    # Repeats are no further seeds: what they add is the noise floor.
    first_repeats = [spec for spec in plan.runs if spec.repeat == 0]
    datasets = dict.fromkeys(spec.dataset for spec in first_repeats)
    planned = {dataset: [spec for spec in first_repeats if spec.dataset == dataset] for dataset in datasets}
    swaps = {dataset: _pair_scores(dict.fromkeys(specs, 0.0), plan.groups) for dataset, specs in planned.items()}
    swaps = {dataset: pairs for dataset, pairs in swaps.items() if pairs}

    own = _measure_own(plan, runs)
    seeds = len({spec.seed for spec in first_repeats})
    numbers = sorted({max(seeds, MIN_SEEDS), MORE_SEEDS})

    def describe(dataset: str, cells: int, count: int, square: float, source: str) -> Power:
        detectable = {number: math.sqrt(square) * look_up_factor(number, count) for number in numbers}
        return Power(dataset=dataset, cells=cells, swaps=count, metric=METRIC, detectable=detectable, source=source)

    powers, squares = [], []
    for dataset, pairs in swaps.items():
        variances = own.get(dataset) or _find_measured(dataset)
        # The mean over the cells of a swap: what they share stays, what each has of its own averages out.
        squares.append(variances.seed_by_effect + variances.residual * fmean(1 / len(swap) for swap in pairs))
        cells = len({spec.model_copy(update={"seed": 0}) for spec in planned[dataset]})
        powers.append(describe(dataset, cells, len(pairs), squares[-1], variances.source))
    if len(powers) > 1:
        # The mean over datasets whose effects vary independently of each other.
        sources = ", ".join(dict.fromkeys(power.source for power in powers))
        count = max(power.swaps for power in powers)
        powers.append(describe("all", plan.cells, count, sum(squares) / len(squares) ** 2, sources))
    return powers


def look_up_factor(seeds: int, swaps: int) -> float:
    """Return the detectable effect in standard deviations of a seed's mean, interpolated between simulated designs.

    Straight lines between logarithms. More seeds than simulated gain as the square root of their number; more swaps
    than simulated count as the most that were.
    """
    table = _read_factors()
    most_seeds, most_swaps = (max(key[place] for key in table) for place in (0, 1))
    gain = math.sqrt(max(1, seeds / most_seeds))
    rows: dict[int, dict[int, float]] = defaultdict(dict)
    for (number, count), factor in table.items():
        rows[number][count] = factor
    by_seeds = {number: _interpolate(min(swaps, most_swaps), row) for number, row in rows.items()}
    return _interpolate(min(seeds, most_seeds), by_seeds) / gain


def _interpolate(number: int, points: Mapping[int, float]) -> float:
    below, above = max(each for each in points if each <= number), min(each for each in points if each >= number)
    if below == above:
        return points[below]
    share = math.log(number / below) / math.log(above / below)
    return math.exp((1 - share) * math.log(points[below]) + share * math.log(points[above]))


def _pair_scores(scores: Mapping[RunSpec, float], groups: Sequence[tuple[str, ...]]) -> list[Swap]:
    """Return the differences of matched pairs for each swap of a choice; swaps without a pair are left out."""
    swaps = []
    for place, fields in enumerate(groups):
        if set(fields) & set(CONDITIONS):
            continue
        sides: dict[object, dict[object, dict[int, float]]] = {}
        for spec, score in scores.items():
            values = [tuple(getattr(spec, name) for name in group) for group in groups]
            side = sides.setdefault(values.pop(place), {})
            side.setdefault(tuple(values), {})[spec.seed] = score
        for before, after in itertools.combinations(sides.values(), 2):
            cells = [
                {seed: after[cell][seed] - score for seed, score in before[cell].items() if seed in after[cell]}
                for cell in before
                if cell in after
            ]
            if paired := [cell for cell in cells if cell]:
                swaps.append(paired)
    return swaps


def _measure_own(plan: Plan, runs: Sequence[PlannedRun]) -> dict[str, _Variances]:
    """Return the variances of the finished runs of each dataset that has enough of them with this score."""
    scores: dict[str, dict[RunSpec, float]] = defaultdict(dict)
    cells = {spec for spec in plan.runs if spec.repeat == 0}
    for run in runs:
        if run.state.name == "done" and run.spec in cells:
            rows = list(run.folder.read_columns(["epoch", METRIC]))
            if rows and rows[-1][1]:
                scores[run.spec.dataset][run.spec] = float(rows[-1][1])
    measured = {dataset: _estimate_variances(_pair_scores(own, plan.groups)) for dataset, own in scores.items()}
    return {dataset: variances for dataset, variances in measured.items() if variances}


def _estimate_variances(swaps: Sequence[Swap]) -> _Variances | None:
    """Return the mean variances of these swaps, None when they have too few degrees of freedom.

    The analysis of variance of `dcbench/analysis/statistics/components.py`, here without numpy.
    """
    seed_variances, residuals, freedom = [], [], 0
    for swap in swaps:
        seeds = set().union(*swap)
        # A cell that lacks a seed would need other weights.
        cells = [[cell[seed] for seed in sorted(seeds)] for cell in swap if set(cell) == seeds]
        if len(seeds) < MIN_SEEDS or not cells:
            continue
        over_cells = [fmean(column) for column in zip(*cells, strict=True)]
        effect, residual = fmean(over_cells), 0.0
        if len(cells) > 1:
            left = [
                number - over_cells[seed] - fmean(cell) + effect for cell in cells for seed, number in enumerate(cell)
            ]
            residual = sum(number**2 for number in left) / ((len(seeds) - 1) * (len(cells) - 1))
            residuals.append(residual)
        # With one cell, all that varies counts as common to the cells, which more of them would not average out.
        seed_variances.append(variance(over_cells) - residual / len(cells))
        freedom += len(seeds) - 1
    if freedom < MIN_FREEDOM:
        return None
    # A variance that comes out negative counts as 0: a mean of a few of them would promise too much.
    return _Variances(
        seed_by_effect=fmean(max(0.0, each) for each in seed_variances),
        residual=fmean(residuals) if residuals else 0.0,
        source="its own runs",
    )


def _find_measured(dataset: str) -> _Variances:
    """Return the variances measured on this dataset; of another one, those measured with as many channels."""
    with (resources.files(__package__) / "variances.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    channels = registry.facts("datasets", dataset).get("channels")
    alike = [row for row in rows if registry.facts("datasets", row["dataset"])["channels"] == channels]
    row = next((row for row in rows if row["dataset"] == dataset), (alike or rows)[0])
    return _Variances(
        seed_by_effect=float(row["seed_by_effect"]),
        residual=float(row["residual"]),
        source=f"{row['dataset']} in {row['matrix']}",
    )


@cache
def _read_factors() -> dict[tuple[int, int], float]:
    """Return the simulated designs: number of seeds and of swaps -> detectable effect."""
    with (resources.files(__package__) / "power.csv").open(encoding="utf-8") as file:
        return {(int(row["seeds"]), int(row["swaps"])): float(row["effect"]) for row in csv.DictReader(file)}
