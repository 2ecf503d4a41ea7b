"""The statistics agree with a known truth: docs/coverage.csv, which `python -m benchmarks.coverage` writes."""

import math

import numpy as np
import pandas as pd
import pytest

from benchmarks import coverage
from dcbench.analysis.statistics import effects

COMMITTED = coverage.TABLE.read_text().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(coverage.CASES)))
def test_intervals_cover_the_truth_and_verdicts_are_right(number):
    case = coverage.CASES[number]
    shares = coverage.simulate(case)
    assert coverage.format_row(case, shares) == COMMITTED[1 + number], "to update: python -m benchmarks.coverage"
    assert 0.92 <= shares.covered <= 0.98
    assert math.isnan(shares.others) or 0.92 <= shares.others <= 0.99
    assert shares.wrong_difference <= 0.06 and shares.wrong_same <= 0.06
    if case.cells >= 24 and case.effect > coverage.SCORE.margin:
        assert shares.right >= 0.95, "effects are recovered"


def test_the_table_has_a_row_for_every_case():
    assert COMMITTED[0] == coverage.HEADER and len(COMMITTED) == 1 + len(coverage.CASES)


@pytest.mark.parametrize("number", [0, 9, 25])
def test_the_simulation_computes_the_same_as_the_report_from_a_frame(number):
    case = coverage.CASES[number]
    scores, _ = coverage.scores(case, np.random.default_rng(number))
    index = pd.MultiIndex.from_product([["without", "with"], range(case.seeds), range(case.cells)])
    frame = pd.Series(scores.ravel(), index).rename_axis(["choice", "seed", "cell"]).reset_index(name="score")
    axes = {"choice": ["without", "with"], "cell": list(range(case.cells))}
    rows = effects.tabulate_effects(frame.sample(frac=1, random_state=0), axes, [coverage.SCORE], [])
    expected = effects.estimate_effect(scores[1] - scores[0], 0, coverage.SCORE)
    row = rows.iloc[0]
    assert row["axis"] == "choice"
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(
        (expected.interval.mean, expected.interval.low, expected.interval.high)
    )
    assert (row["p"], row["p_same"], row["pairs"]) == pytest.approx((expected.p, expected.p_same, scores[0].size))
