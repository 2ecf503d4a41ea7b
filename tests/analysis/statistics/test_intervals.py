import math

import numpy as np
import pytest
from scipy import stats

from dcbench.analysis.statistics.intervals import Interval, holm, infer_means, interval_over_seeds


def infer(numbers, margin=0.02):
    (inference,) = infer_means([numbers], margin)
    return inference


def test_the_interval_is_a_t_interval_over_seeds_averaged_over_cells():
    interval = interval_over_seeds(np.array([[0.1, 0.3], [0.2, 0.4], [0.0, 0.2]]))
    means = np.array([0.2, 0.3, 0.1])
    half = 4.302652729911275 * means.std(ddof=1) / math.sqrt(3)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))


def test_with_fewer_than_three_seeds_there_is_only_a_mean():
    two_seeds = np.array([[0.1, 0.3], [0.2, 0.4]])
    inference = infer(two_seeds)
    for interval in (interval_over_seeds(two_seeds), inference.interval, inference.interval_other_cells):
        assert interval.mean == pytest.approx(0.25) and math.isnan(interval.low) and math.isnan(interval.high)
    assert math.isnan(inference.p) and math.isnan(inference.p_same)


def test_an_interval_for_other_cells_needs_eight_cells():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.1, 0.05, (3, 7)), rng.normal(0.1, 0.05, (3, 8))
    assert math.isnan(infer(few).interval_other_cells.low)
    inference = infer(many)
    other_cells = inference.interval_other_cells
    assert other_cells.low <= inference.interval.low < inference.interval.mean < other_cells.high
    exact = infer(np.full((3, 8), 0.125))
    assert exact.interval_other_cells == exact.interval == Interval(mean=0.125, low=0.125, high=0.125)


def test_the_interval_for_other_cells_by_hand():
    numbers = np.array([[0.0, 8, 4, 2, 6, 10, 2, 8], [1, 9, 6, 2, 7, 12, 2, 9], [0, 7, 4, 1, 6, 9, 1, 8]])
    cells, seeds = numbers.mean(axis=0).var(ddof=1) / 8, numbers.mean(axis=1).var(ddof=1) / 3
    freedom = (cells + seeds) ** 2 / (cells**2 / 7 + seeds**2 / 2)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(cells + seeds)
    interval = infer(numbers).interval_other_cells
    assert (interval.low, interval.high) == pytest.approx((interval.mean - half, interval.mean + half))


def test_an_effect_by_itself_has_the_t_tests_and_intervals_of_scipy():
    differences = np.random.default_rng(1).normal(0.02, 0.05, (5, 6))
    means = differences.mean(axis=1)
    inference = infer(differences, margin=0.05)
    test = stats.ttest_1samp(means, 0)
    assert inference.p == pytest.approx(test.pvalue)
    sides = [stats.ttest_1samp(means, -0.05, alternative="greater"), stats.ttest_1samp(means, 0.05, alternative="less")]
    assert inference.p_same == pytest.approx(max(side.pvalue for side in sides))
    for interval, level in ((inference.interval, 0.95), (inference.interval_90, 0.9)):
        assert (interval.low, interval.high) == pytest.approx(tuple(test.confidence_interval(level)))


def test_the_effects_of_a_family_have_narrower_intervals_that_agree_with_their_tests():
    rng = np.random.default_rng(2)
    family = [mean + rng.normal(0, 0.03, (3, 1)) + rng.normal(0, 0.02, (3, 4)) for mean in (0.0, 0.05, 0.1, 0.0, 0.02)]
    together, alone = infer_means(family, 0.04), [infer(numbers, 0.04) for numbers in family]
    widths = np.array([[each.interval.high - each.interval.low for each in part] for part in (together, alone)])
    assert widths[0].mean() < 0.8 * widths[1].mean()
    for each in together:
        assert (each.p < 0.05) == (not each.interval.low <= 0 <= each.interval.high)
        assert (each.p_same < 0.05) == (each.interval_90.low > -0.04 and each.interval_90.high < 0.04)


def test_the_probabilities_of_below_within_and_above_the_margin():
    differences = np.random.default_rng(4).normal(0.02, 0.05, (5, 6))
    inference = infer(differences, margin=0.03)
    means = differences.mean(axis=1)
    # With a uniform prior the posterior of the mean is Student's t around the mean of the seeds.
    posterior = stats.t(4, loc=means.mean(), scale=means.std(ddof=1) / math.sqrt(5))
    assert inference.probability_above == pytest.approx(posterior.sf(0.03))
    assert inference.probability_below == pytest.approx(posterior.cdf(-0.03))
    assert inference.probability_within == pytest.approx(posterior.cdf(0.03) - posterior.cdf(-0.03))
    assert inference.p_same == max(inference.probability_above, inference.probability_below)
    certain = infer(np.full((3, 4), -0.125))
    assert (certain.probability_below, certain.probability_within, certain.probability_above) == (1, 0, 0)


def test_effects_without_variance_or_with_two_seeds_do_not_change_the_others():
    noisy = np.random.default_rng(3).normal(0.1, 0.05, (3, 4))
    _, beside, few = infer_means([np.full((3, 4), 0.3), noisy, np.ones((2, 4))], 0.02)
    assert (beside.interval, beside.p_same) == (infer(noisy).interval, infer(noisy).p_same) and math.isnan(few.p)
    rounded = np.array([[0.1 + 0.2], [0.3], [0.3]])
    assert infer(rounded).p == 0.0, "a difference from rounding is no variance"


def test_without_variance_the_p_values_are_0_or_1():
    same, shifted = infer(np.zeros((3, 4))), infer(np.zeros((3, 4)) + 0.125)
    assert (same.p, same.p_same) == (1.0, 0.0)
    assert (shifted.p, shifted.p_same) == (0.0, 1.0)


def test_holm_agrees_with_its_definition():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    corrected = holm([0.01, math.nan, 0.5])
    assert corrected[0] == pytest.approx(0.02) and math.isnan(corrected[1]) and corrected[2] == 0.5
    assert holm([]) == []
