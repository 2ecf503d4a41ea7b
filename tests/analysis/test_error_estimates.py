"""The choice of the error estimate rests on docs/error_estimates.csv: `python -m benchmarks.error_estimates`."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from benchmarks import error_estimates
from benchmarks.simulated_matrices import METRIC, Case, correct_holm, plant, simulate
from dcbench.analysis.statistics.intervals import holm

COMMITTED = pd.read_csv(error_estimates.TABLE)


def test_the_chosen_estimate_covers_in_every_situation_and_finds_more_than_students_t():
    chosen = COMMITTED[COMMITTED["method"] == "posterior"].reset_index(drop=True)
    assert len(chosen) == len(error_estimates.CASES)
    assert chosen["covers"].between(0.93, 0.97).all()
    before = COMMITTED[COMMITTED["method"] == "t"].reset_index(drop=True)
    finds = [name for name in COMMITTED if name.startswith("finds")]
    assert (chosen[finds] >= before[finds] - 0.01).all(axis=None)
    few = chosen["seeds"] == 3
    assert (chosen.loc[few, "finds 0.04"] > before.loc[few, "finds 0.04"] + 0.2).all()
    assert chosen["wrong in a null matrix"].max() < 0.06


def test_the_others_that_find_more_than_students_t_show_effects_in_null_matrices():
    for method in ("moderated", "mixed"):
        rows = COMMITTED[COMMITTED["method"] == method]
        assert rows["wrong in a null matrix"].max() > 0.08


@pytest.mark.slow
@pytest.mark.parametrize("situation", ["measured", "one noisy"])
def test_the_committed_table_is_what_the_simulation_gives(situation):
    case = Case(cells=24, seeds=3, situation=situation)
    rows = COMMITTED.query("cells == 24 and seeds == 3 and situation == @situation").set_index("method")
    for method, figures in error_estimates.measure(case).items():
        committed = rows.loc[method].iloc[3:].to_numpy(dtype=float)
        assert np.array(figures) == pytest.approx(committed, abs=6e-4), "python -m benchmarks.error_estimates"


def test_smyths_estimates_of_the_prior_solve_his_equations():
    variances = np.random.default_rng(2).chisquare(2, (1, 12)) * np.random.default_rng(3).chisquare(4, (1, 12)) ** -1.0
    moderated, freedom = error_estimates.moderate(variances, 2)
    logs = np.log(variances[0])
    # Section 6.2: e = log s² - digamma(d / 2) + log(d / 2); trigamma(d0 / 2) is the variance of e less trigamma(d / 2);
    # log s0² = mean e + digamma(d0 / 2) - log(d0 / 2). With d = 2, digamma(1) is minus Euler's constant, trigamma(1)
    # is pi² / 6.
    e = logs + 0.5772156649015329
    excess = ((e - e.mean()) ** 2).sum() / 11 - np.pi**2 / 6
    d0 = 2 * optimize.brentq(lambda half: special.polygamma(1, half) - excess, 1e-3, 1e6)
    s0 = np.exp(e.mean() + special.digamma(d0 / 2) - np.log(d0 / 2))
    assert freedom[0, 0] == pytest.approx(d0 + 2)
    assert moderated[0] == pytest.approx((d0 * s0 + 2 * variances[0]) / (d0 + 2))


def test_students_t_and_the_mixed_model_against_scipy_and_statsmodels():
    rng = np.random.default_rng(0)
    case = Case(cells=24, seeds=3, situation="measured")
    simulated = simulate(case, 2, rng)
    moments = error_estimates.summarise(simulated)
    numbers = simulated.differences[0][1]
    p = 2 * error_estimates.t_over_seeds(moments)(np.abs(moments.means))
    assert p[1, 0] == pytest.approx(stats.ttest_1samp(numbers.mean(axis=1), 0).pvalue)
    # Errors of statsmodels 0.14's MixedLM (cells fixed by sum contrasts, REML) of these two tables; see the generator.
    differences = np.random.default_rng(0)
    table = 0.03 + differences.normal(0, 0.05, (3, 1)) + differences.normal(0, 0.03, (1, 12))
    table = table + differences.normal(0, 0.05, (3, 12))
    only = error_estimates.summarise(replace(simulated, differences=[table[None]], swaps=[(0, 0, 1)]))
    tail = error_estimates.mixed(only)(np.array([[0.1]]))
    assert tail[0, 0] == pytest.approx(stats.t.sf(0.1 / 0.026731584342798573, 2), rel=1e-4)


def test_holm_of_many_matrices_is_that_of_each():
    p_values = np.random.default_rng(0).uniform(size=(20, 6)) ** 3
    assert correct_holm(p_values) == pytest.approx(np.array([holm(row) for row in p_values.tolist()]))


def test_a_planted_value_moves_the_swaps_that_have_it():
    rng = np.random.default_rng(0)
    simulated = simulate(Case(cells=24, seeds=3, situation="alike"), 50, rng)
    added, asked = plant(simulated, 0.1, rng)
    assert (added[np.arange(50), asked] == 0.1).all()
    for row, swap in zip(added, asked, strict=True):
        axis, before, after = simulated.swaps[swap]
        of_axis = {number for number, (other, *_) in enumerate(simulated.swaps) if other == axis}
        assert set(np.flatnonzero(row)) <= of_axis
        # Of three values 0, 1, 2 with an effect on 1: 0 to 1 gains it, 1 to 2 loses it, 0 to 2 does not change.
        if (before, after) == (0, 1) and len(of_axis) == 3:
            assert row[sorted(of_axis)].tolist() == [0.1, 0.0, -0.1]


def test_the_simulated_variances_are_the_measured_ones():
    simulated = simulate(Case(cells=24, seeds=5, situation="alike"), 4000, np.random.default_rng(1))
    means = simulated.differences[-1].mean(axis=2)
    measured = pd.read_csv(io.StringIO(error_estimates.TABLE.with_name("variances.csv").read_text()))
    measured = measured[measured["residual"].notna() & (measured["metric"] == METRIC)]
    expected = 0.0
    for _, rows in measured.groupby("dataset"):
        # Each dataset has 12 of the 24 cells, so 6 pairs of the last axis. The mean over both has a quarter of the sum.
        expected += (rows["seed_by_effect"].clip(lower=0).mean() + rows["residual"].mean() / 6) / 4
    assert means.var(axis=1, ddof=1).mean() == pytest.approx(expected, rel=0.05)
