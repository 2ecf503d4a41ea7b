import itertools

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from dcbench.core.columns import COLUMNS, SCORES
from dcbench.training import metrics

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 4, 60)

every_score = pytest.mark.parametrize("name", metrics.TRUTH_SCORES)


@st.composite
def labelled(draw, most=8):
    """Draw true labels and an assignment of the same images: up to `most` classes and clusters, some of them empty."""
    count = draw(st.integers(1, 60))
    ids = st.lists(st.integers(0, draw(st.integers(0, most - 1))), min_size=count, max_size=count)
    return np.array(draw(ids)), np.array(draw(ids))


def test_scores_and_their_columns_correspond():
    assert list(metrics.TRUTH_SCORES) == [score.name for score in SCORES]


@every_score
@given(both=labelled(), data=st.data())
def test_scores_ignore_cluster_ids_and_the_order_of_images(name, both, data):
    truth, assignment = both
    names = np.array(data.draw(st.permutations(range(assignment.max() + 3))))
    order = np.array(data.draw(st.permutations(range(len(truth)))))
    score = metrics.TRUTH_SCORES[name]
    assert score(truth[order], names[assignment[order]]) == pytest.approx(score(truth, assignment))


@every_score
@given(both=labelled(), data=st.data())
def test_a_perfect_clustering_scores_one_with_any_cluster_ids(name, both, data):
    truth, _ = both
    names = np.array(data.draw(st.permutations(range(truth.max() + 1))))
    assert metrics.TRUTH_SCORES[name](truth, names[truth]) == pytest.approx(1)


@every_score
@given(both=labelled())
def test_scores_stay_in_the_range_of_their_column(name, both):
    column = COLUMNS[name]
    assert column.low - 1e-9 <= metrics.TRUTH_SCORES[name](*both) <= column.high + 1e-9


@given(both=labelled(most=6))
def test_hungarian_accuracy_agrees_with_brute_force(both):
    truth, assignment = both
    classes, clusters = int(truth.max()) + 1, int(assignment.max()) + 1
    size = max(classes, clusters)
    best = max(np.mean(np.array(match)[assignment] == truth) for match in itertools.permutations(range(size), clusters))
    assert metrics.cluster_accuracy(truth, assignment) == pytest.approx(best)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("nmi_true", sklearn.metrics.normalized_mutual_info_score),
        ("ari_true", sklearn.metrics.adjusted_rand_score),
        ("ami_true", sklearn.metrics.adjusted_mutual_info_score),
        ("purity", lambda truth, ids: sklearn.metrics.cluster.contingency_matrix(truth, ids).max(0).sum() / len(ids)),
    ],
)
@given(both=labelled())
def test_scores_agree_with_scikit_learn(name, reference, both):
    assert metrics.TRUTH_SCORES[name](*both) == pytest.approx(reference(*both))


@given(both=labelled())
def test_the_geometric_nmi_follows_the_formula_of_the_paper(both):
    def entropy(ids):
        shares = np.unique(ids, return_counts=True)[1] / len(ids)
        return -(shares * np.log(shares)).sum()

    truth, assignment = both
    information = sklearn.metrics.mutual_info_score(truth, assignment)
    scale = np.sqrt(entropy(truth) * entropy(assignment))
    if scale > 0:
        assert metrics.nmi_true_geometric(truth, assignment) == pytest.approx(information / scale, abs=1e-9)


def score_test_images(training, truth, assignment):
    """Return the scores of the own clustering on test images; `training` holds the truth and the assignment."""
    row = metrics.score_predictions({"own": training[1], "test_own": assignment}, training[0], truth)
    return {name: row[f"test_{name}"] for name in metrics.TRUTH_SCORES}


@given(both=labelled(), other=labelled())
def test_held_out_scores_of_the_training_images_equal_their_scores(both, other):
    assert score_test_images(both, *both) == pytest.approx(
        {name: score(*both) for name, score in metrics.TRUTH_SCORES.items()}
    )
    assert list(score_test_images(both, *other)) == list(metrics.TRUTH_SCORES)


@given(training=labelled(), test=labelled())
def test_clusters_are_matched_to_classes_on_the_training_images_only(training, test):
    truth, assignment = test
    for name, match in metrics.MATCHED_SCORES.items():
        classes = match(*training)
        class_of = {cluster: classes[cluster] if cluster < len(classes) else -1 for cluster in assignment.tolist()}
        right = [class_of[cluster] == label for cluster, label in zip(assignment.tolist(), truth, strict=True)]
        assert score_test_images(training, truth, assignment)[name] == pytest.approx(np.mean(right))


def test_matching_on_the_test_images_would_give_a_higher_accuracy():
    training = (np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]))
    truth, assignment = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])
    assert metrics.cluster_accuracy(truth, assignment) == 1
    assert score_test_images(training, truth, assignment)["cluster_accuracy"] == 0


def test_unmatched_clusters_count_as_wrong():
    truth = np.zeros(10, dtype=np.int64)
    assert metrics.cluster_accuracy(truth, np.arange(10)) == 0.1
    assert metrics.purity(truth, np.arange(10)) == 1.0


def test_stability_is_empty_without_a_previous_row_or_with_a_single_cluster():
    single = np.zeros(6, dtype=np.int64)
    assert metrics.nmi_previous(None, TRUTH) is None
    assert metrics.nmi_previous(single, single) is None
    assert metrics.nmi_previous(single, TRUTH[:6]) is None
    assert metrics.nmi_previous(TRUTH, TRUTH) == pytest.approx(1)


def test_cluster_filling_of_even_and_of_collapsed_clusters():
    even = metrics.cluster_filling(np.arange(12) % 4, 4)
    assert even == {"active_clusters": 4, "largest_cluster_share": 0.25, "cluster_entropy": pytest.approx(1)}
    collapsed = metrics.cluster_filling(np.zeros(12, dtype=np.int64), 4)
    assert collapsed == {"active_clusters": 1, "largest_cluster_share": 1.0, "cluster_entropy": 0.0}


def test_a_classifier_is_judged_on_the_images_that_it_was_asked_for():
    predicted = np.array([1, metrics.NOT_PREDICTED, 0, metrics.NOT_PREDICTED])
    row = metrics.score_predictions({"test_knn": predicted}, np.array([0]), np.array([1, 1, 1, 0]))
    assert row == {"test_knn_accuracy": 0.5}
