import numpy as np
import pytest
from scipy import integrate, stats

from dcbench.analysis.statistics.moderation import D0, estimate_seed_errors

VARIANCES = np.array([0.0047, 0.0011, 0.00026, 0.0009, 0.0020])


def integrate_tail(variances, seeds, distance, swap, d0):
    """The tail by another way: given s0² and d0, s² / s0² is F, and the moderated t is Student's t (Smyth 2004)."""
    freedom = seeds - 1

    def weigh(log_prior):
        prior = np.exp(log_prior)
        # The density of s², up to factors that neither s0² nor d0 changes.
        likelihood = np.prod(stats.f.pdf(variances / prior, freedom, d0) / prior)
        variance = (d0 * prior + freedom * variances[swap]) / (d0 + freedom)
        return likelihood, likelihood * stats.t.sf(distance / np.sqrt(variance / seeds), d0 + freedom)

    limits = np.log(variances.min()) - 12, np.log(variances.max()) + 12
    return np.array([integrate.quad(lambda x, part=part: weigh(x)[part], *limits, limit=200)[0] for part in (0, 1)])


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_tails_are_those_of_smyths_model_integrated_over_its_prior(seeds):
    errors = estimate_seed_errors(VARIANCES, np.full(5, seeds))
    distances = np.array([0.02, 0.05, 0.1, 0.03, 0.2])
    for swap, distance in enumerate(distances):
        total, tail = sum(integrate_tail(VARIANCES, seeds, distance, swap, d0) for d0 in D0)
        assert errors.tail(distances)[swap] == pytest.approx(tail / total, rel=1e-5)


def test_eight_values_of_d0_are_as_good_as_many():
    many = 40 / (np.arange(40) + 0.5)
    total, tail = sum(integrate_tail(VARIANCES, 3, 0.1, 0, d0) for d0 in many)
    errors = estimate_seed_errors(VARIANCES, np.full(5, 3))
    assert errors.tail(np.full(5, 0.1))[0] == pytest.approx(tail / total, rel=0.02)


@pytest.mark.parametrize("seeds", [3, 4, 10])
def test_a_family_of_one_swap_is_students_t(seeds):
    errors = estimate_seed_errors(np.array([0.002]), np.array([seeds]))
    error = np.sqrt(0.002 / seeds)
    for distance in (0.0, 0.01, 0.1, 1.0):
        assert errors.tail(np.array([distance])) == pytest.approx(stats.t.sf(distance / error, seeds - 1), rel=1e-6)
    for level in (0.9, 0.95, 0.999):
        assert errors.half_width(level) == pytest.approx(stats.t.ppf((1 + level) / 2, seeds - 1) * error, rel=1e-6)
    variance, freedom = errors.match_t()
    assert (variance[0], freedom[0]) == pytest.approx((error**2, seeds - 1), rel=1e-5)


def test_swaps_that_are_alike_lend_each_other_degrees_of_freedom():
    alike = estimate_seed_errors(np.full(8, 0.001), np.full(8, 3))
    alone = estimate_seed_errors(np.array([0.001]), np.array([3]))
    assert (alike.half_width(0.95) < 0.7 * alone.half_width(0.95)).all() and (alike.match_t()[1] > 5).all()


def test_a_swap_far_noisier_than_the_rest_keeps_nearly_half_of_its_own_width():
    alone = estimate_seed_errors(np.array([0.001]), np.array([3])).half_width(0.95)[0]
    for rest in (1e-4, 1e-6, 1e-9):
        odd = estimate_seed_errors(np.array([0.001, rest, rest, rest]), np.full(4, 3)).half_width(0.95)[0]
        assert 0.45 * alone < odd < alone


def test_it_does_not_matter_in_which_unit_or_order_the_variances_come_nor_how_far_apart_they_are():
    errors = estimate_seed_errors(VARIANCES, np.full(5, 3))
    larger = estimate_seed_errors(VARIANCES[::-1] * 1e6, np.full(5, 3))
    assert larger.half_width(0.95)[::-1] == pytest.approx(1000 * errors.half_width(0.95))
    assert np.isfinite(estimate_seed_errors(np.array([1e-30, 1e-3]), np.array([3, 3])).half_width(0.95)).all()


def test_many_families_at_once_are_each_by_itself():
    both = estimate_seed_errors(np.stack([VARIANCES, VARIANCES * 7]), np.full((2, 5), 3))
    assert both.half_width(0.95)[0] == pytest.approx(estimate_seed_errors(VARIANCES, np.full(5, 3)).half_width(0.95))
    assert both.half_width(0.95)[1] == pytest.approx(both.half_width(0.95)[0] * np.sqrt(7))
