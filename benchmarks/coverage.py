"""Measure how often intervals cover and verdicts are right: `python -m benchmarks.coverage` writes docs/coverage.csv.

Simulates 2,000 matrices of each kind with a known truth. The score of a run is the sum of the level of its cell, the
level of its seed (shared by all cells: common random numbers), the effect, the deviation of the effect in this cell
(heterogeneous cells), the deviation of the effect with this seed (the same in all cells), and noise. The estimand is
the mean effect over these cells.
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
    """Shares of the simulations; `others` is NaN where no such interval is given."""

    covered: float
    others: float
    wrong_difference: float
    wrong_same: float
    right: float


def simulate(case: Case, simulations: int = SIMULATIONS) -> Shares:
    """Return the shares over the simulations of one case."""
    rng = np.random.default_rng([case.cells, case.seeds, round(case.effect * 1000), round(case.spread * 1000)])
    judgements = []
    for _ in range(simulations):
        (without, with_choice), by_cell = scores(case, rng)
        effect = estimate_effect(with_choice - without, 0, SCORE)
        judgements.append(judge(effect, float(by_cell.mean()), case))
    return Shares(*np.array(judgements, dtype=float).mean(axis=0))


def scores(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return scores `(2, seeds, cells)` without and with the choice, and the true effect in each cell."""
    by_cell = case.effect + rng.normal(0, case.spread, case.cells)
    level = rng.normal(0, LEVEL_OF_CELLS, case.cells) + rng.normal(0, LEVEL_OF_SEEDS, (case.seeds, 1))
    chosen = by_cell + rng.normal(0, EFFECT_OF_SEEDS, (case.seeds, 1))
    return np.stack([level, level + chosen]) + rng.normal(0, NOISE, (2, case.seeds, case.cells)), by_cell


def judge(effect: Effect, truth: float, case: Case) -> tuple[bool, float, bool, bool, bool]:
    """Return whether the result is covered, covered for other cells, wrongly different, wrongly the same, and right.

    `truth` is the mean effect over the cells of the matrix; the case's effect is the mean over all possible cells.
    """
    verdict = judge_effect(effect.interval.mean, effect.p, effect.p_same, SCORE.better)
    near = abs(truth) < SCORE.margin
    wrong = {"better": truth <= 0, "worse": truth >= 0}.get(verdict, False)
    right = "same" if near else "better" if truth > 0 else "worse"
    others = (
        math.nan
        if math.isnan(effect.interval_other_cells.low)
        else float(effect.interval_other_cells.low <= case.effect <= effect.interval_other_cells.high)
    )
    covered = effect.interval.low <= truth <= effect.interval.high
    return covered, others, wrong, verdict == "same" and not near, verdict == right


def format_row(case: Case, shares: Shares) -> str:
    others = "" if math.isnan(shares.others) else f"{shares.others:.3f}"
    figures = f"{shares.covered:.3f},{others},{shares.wrong_difference:.3f},{shares.wrong_same:.3f},{shares.right:.3f}"
    return f"{case.cells},{case.seeds},{case.effect:g},{case.spread:g},{figures}"


def main() -> None:
    with ProcessPoolExecutor() as pool:
        rows = [HEADER, *map(format_row, CASES, pool.map(simulate, CASES))]
    TABLE.write_text("\n".join(rows) + "\n")
    print(TABLE.read_text(), end="")


if __name__ == "__main__":
    main()
