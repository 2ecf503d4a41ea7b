"""Do the intervals cover and the verdicts hold? `python -m benchmarks.coverage` writes docs/coverage.csv.

2,000 simulated matrices of each kind with a known truth. A run's score is a cell's level, a seed's level that all
cells share (common random numbers), the effect, what the effect is more or less in this cell (heterogeneous cells),
what this seed makes of the effect in all cells, and noise. The estimand is the mean effect over these cells.
"""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcbench.analysis.statistics.effects import Effect, Outcome, estimate_effect, judge_effect

TABLE = Path(__file__).parent.parent / "docs" / "coverage.csv"
SIMULATIONS = 2000
SCORE = Outcome(name="score", better="higher", margin=0.02)
HEADER = (
    "cells,seeds,true effect,cells differ by,95 % interval covers,other cells' interval covers,"
    "wrong difference,wrong equivalence,right verdict"
)


@dataclass(frozen=True)
class Case:
    """A design, the true effect, and the standard deviation of the effect over cells."""

    cells: int
    seeds: int
    effect: float
    spread: float


DESIGNS = ((24, 3), (24, 5), (48, 3), (48, 5), (4, 3))
EFFECTS = (0.0, SCORE.margin, 0.06)
CASES = [Case(*design, effect, spread) for design in DESIGNS for effect in EFFECTS for spread in (0.0, 0.03)]
LEVEL_OF_CELLS, LEVEL_OF_SEEDS, EFFECT_OF_SEEDS, NOISE = 0.15, 0.05, 0.004, 0.02


@dataclass(frozen=True)
class Shares:
    """Of all simulations; `others` is NaN where no such interval is given."""

    covered: float
    others: float
    wrong_difference: float
    wrong_same: float
    right: float


def simulate(case: Case, simulations: int = SIMULATIONS) -> Shares:
    """Count over simulations of one case."""
    rng = np.random.default_rng([case.cells, case.seeds, round(case.effect * 1000), round(case.spread * 1000)])
    told = []
    for _ in range(simulations):
        found, by_cell = scores(case, rng)
        told.append(judge(estimate_effect(found[1] - found[0], 0, SCORE), float(by_cell.mean()), case))
    return Shares(*np.array(told, dtype=float).mean(axis=0))


def scores(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores `(2, seeds, cells)` without and with the choice, and the true effect in each cell."""
    by_cell = case.effect + rng.normal(0, case.spread, case.cells)
    level = rng.normal(0, LEVEL_OF_CELLS, case.cells) + rng.normal(0, LEVEL_OF_SEEDS, (case.seeds, 1))
    chosen = by_cell + rng.normal(0, EFFECT_OF_SEEDS, (case.seeds, 1))
    return np.stack([level, level + chosen]) + rng.normal(0, NOISE, (2, case.seeds, case.cells)), by_cell


def judge(told: Effect, truth: float, case: Case) -> tuple[bool, float, bool, bool, bool]:
    """Covered, covered for other cells, wrongly different, wrongly the same, right.

    `truth` is the mean effect over the cells that there are, the case's effect that over all there could be.
    """
    word = judge_effect(told.interval.mean, told.p, told.p_same, SCORE.better)
    near = abs(truth) < SCORE.margin
    wrong = {"better": truth <= 0, "worse": truth >= 0}.get(word, False)
    right = "same" if near else "better" if truth > 0 else "worse"
    others = (
        math.nan
        if math.isnan(told.interval_other_cells.low)
        else float(told.interval_other_cells.low <= case.effect <= told.interval_other_cells.high)
    )
    covered = told.interval.low <= truth <= told.interval.high
    return covered, others, wrong, word == "same" and not near, word == right


def line(case: Case, found: Shares) -> str:
    others = "" if math.isnan(found.others) else f"{found.others:.3f}"
    figures = f"{found.covered:.3f},{others},{found.wrong_difference:.3f},{found.wrong_same:.3f},{found.right:.3f}"
    return f"{case.cells},{case.seeds},{case.effect:g},{case.spread:g},{figures}"


def main() -> None:
    with ProcessPoolExecutor() as pool:
        lines = [HEADER, *map(line, CASES, pool.map(simulate, CASES))]
    TABLE.write_text("\n".join(lines) + "\n")
    print(TABLE.read_text(), end="")


if __name__ == "__main__":
    main()
