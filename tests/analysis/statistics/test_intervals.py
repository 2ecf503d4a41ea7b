import math

import numpy as np
import pytest
from scipy import stats

from dcbench.analysis.statistics.intervals import (
    Interval,
    holm,
    interval_over_cells_and_seeds,
    interval_over_seeds,
    p_difference,
    p_equivalence,
)


def test_the_interval_is_a_t_interval_over_seeds_averaged_over_cells():
    interval = interval_over_seeds(np.array([[0.1, 0.3], [0.2, 0.4], [0.0, 0.2]]))
    means = np.array([0.2, 0.3, 0.1])
    half = 4.302652729911275 * means.std(ddof=1) / math.sqrt(3)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))


def test_with_fewer_than_three_seeds_there_is_only_a_mean():
    interval = interval_over_seeds(np.array([[0.1, 0.3], [0.2, 0.4]]))
    assert interval.mean == pytest.approx(0.25) and math.isnan(interval.low) and math.isnan(interval.high)
    assert math.isnan(p_difference(np.ones((2, 4)))) and math.isnan(p_equivalence(np.ones((2, 4)), 0.1))


def test_an_interval_for_other_cells_needs_eight_cells():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.1, 0.05, (3, 7)), rng.normal(0.1, 0.05, (3, 8))
    assert math.isnan(interval_over_cells_and_seeds(few).low)
    interval = interval_over_cells_and_seeds(many)
    assert interval.low < interval.mean < interval.high
    assert interval_over_cells_and_seeds(np.full((3, 8), 0.125)) == Interval(mean=0.125, low=0.125, high=0.125)


def test_p_values_agree_with_scipy():
    differences = np.random.default_rng(1).normal(0.02, 0.05, (5, 6))
    means = differences.mean(axis=1)
    assert p_difference(differences) == pytest.approx(stats.ttest_1samp(means, 0).pvalue)
    sides = [stats.ttest_1samp(means, -0.05, alternative="greater"), stats.ttest_1samp(means, 0.05, alternative="less")]
    assert p_equivalence(differences, 0.05) == pytest.approx(max(side.pvalue for side in sides))


def test_without_variance_the_p_values_are_0_or_1():
    same = np.zeros((3, 4))
    assert (p_difference(same), p_equivalence(same, 0.02)) == (1.0, 0.0)
    assert (p_difference(same + 0.125), p_equivalence(same + 0.125, 0.02)) == (0.0, 1.0)


def test_holm_agrees_with_its_definition():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    corrected = holm([0.01, math.nan, 0.5])
    assert corrected[0] == pytest.approx(0.02) and math.isnan(corrected[1]) and corrected[2] == 0.5
    assert holm([]) == []
