import numpy as np
import pytest

from dcbench.training.deepcluster import samplers

ASSIGNMENT = np.repeat([0, 1, 2, 4], [560, 300, 130, 10])
RNG = lambda: np.random.default_rng(0)  # noqa: E731


def test_uniform_draws_as_many_from_each_cluster_that_has_images():
    drawn = samplers.draw_positions("uniform", ASSIGNMENT, RNG())
    assert np.bincount(ASSIGNMENT[drawn], minlength=5).tolist() == [250, 250, 250, 0, 250]
    assert len(drawn) == 1000 and not (np.diff(ASSIGNMENT[drawn]) >= 0).all(), "shuffled"


def test_a_large_cluster_is_drawn_without_repetition_and_a_small_one_with():
    drawn = samplers.draw_positions("uniform", ASSIGNMENT, RNG())
    assert len(np.unique(drawn[ASSIGNMENT[drawn] == 0])) == 250
    assert len(np.unique(drawn[ASSIGNMENT[drawn] == 4])) == 10


def test_uneven_numbers_are_off_by_one_at_most():
    drawn = samplers.draw_positions("uniform", np.arange(103) % 7, RNG())
    sizes = np.bincount((np.arange(103) % 7)[drawn])
    assert sizes.sum() == 103 and sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("sampler", ["natural", "weighted"])
def test_the_others_draw_every_image_once(sampler):
    assert sorted(samplers.draw_positions(sampler, ASSIGNMENT, RNG())) == list(range(1000))


def test_weights_are_inverse_sizes_with_mean_one_over_the_images():
    weights = samplers.loss_weights("weighted", ASSIGNMENT)
    assert weights[3] == 0 and weights[4] / weights[0] == pytest.approx(56)
    assert weights[ASSIGNMENT].mean() == pytest.approx(1)
    assert samplers.loss_weights("uniform", ASSIGNMENT) is None
