import itertools

import numpy as np
import pytest

from dcbench import metrics

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 4, 60)


@pytest.mark.parametrize("name", metrics.TRUTH)
def test_perfect_is_one_whatever_the_clusters_are_called(name):
    renamed = np.array([2, 0, 3, 1])[TRUTH]
    assert metrics.TRUTH[name](TRUTH, renamed) == pytest.approx(1)


@pytest.mark.parametrize("name", metrics.TRUTH)
def test_the_order_of_images_and_the_names_of_clusters_do_not_matter(name):
    assignment = RNG.integers(0, 5, 60)
    score = metrics.TRUTH[name]
    order, names = RNG.permutation(60), RNG.permutation(5)
    assert score(TRUTH[order], names[assignment[order]]) == pytest.approx(score(TRUTH, assignment))


@pytest.mark.parametrize("clusters", [2, 3, 4, 5])
def test_hungarian_accuracy_against_brute_force(clusters):
    truth, assignment = RNG.integers(0, 3, 40), RNG.integers(0, clusters, 40)
    best = 0.0
    for match in itertools.permutations(range(max(clusters, 3)), clusters):
        best = max(best, np.mean(np.array(match)[assignment] == truth))
    assert metrics.cluster_accuracy(truth, assignment) == pytest.approx(best)


def test_unmatched_clusters_count_as_wrong():
    truth = np.zeros(10, dtype=np.int64)
    assert metrics.cluster_accuracy(truth, np.arange(10)) == 0.1
    assert metrics.purity(truth, np.arange(10)) == 1.0


def test_no_previous_row_or_a_single_cluster_is_no_stability():
    one = np.zeros(6, dtype=np.int64)
    assert metrics.nmi_previous(None, TRUTH) is None
    assert metrics.nmi_previous(one, one) is None
    assert metrics.nmi_previous(one, TRUTH[:6]) is None
    assert metrics.nmi_previous(TRUTH, TRUTH) == pytest.approx(1)


def test_occupancy():
    even = metrics.occupancy(np.arange(12) % 4, 4)
    assert even == {"active_clusters": 4, "largest_cluster_share": 0.25, "cluster_entropy": pytest.approx(1)}
    collapsed = metrics.occupancy(np.zeros(12, dtype=np.int64), 4)
    assert collapsed == {"active_clusters": 1, "largest_cluster_share": 1.0, "cluster_entropy": 0.0}
