"""Score assignments `(n,)` against the true labels or another assignment.

All arrays are in the same order of images. Labels, ranges and directions of the scores are in columns.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from dcbench.core.columns import SCORES, SPACES

IntArray = npt.NDArray[np.int64]
"""Labels, assignments and positions."""

Predictions = dict[str, IntArray]
"""What a row is scored by: the cluster of each image `(n,)` or `(m,)` in each space of core/columns.py, by the key of
the space, and the class of each test image `(m,)` by each classifier, as `test_NAME` for `test_NAME_accuracy`."""

NOT_PREDICTED = -1
"""The class of an image that a classifier was not asked for."""


def match_one_to_one(truth: IntArray, assignment: IntArray) -> IntArray:
    """Return each cluster's class `(clusters,)` in the best one-to-one match (Hungarian method), -1 without one."""
    return _match(truth, assignment, lambda table: linear_sum_assignment(table, maximize=True))


def match_many_to_one(truth: IntArray, assignment: IntArray) -> IntArray:
    """Return the majority class of each cluster `(clusters,)`, -1 for an empty one."""
    return _match(truth, assignment, lambda table: (np.arange(len(table)), table.argmax(axis=1)))


def _match(truth: IntArray, assignment: IntArray, match: Callable[[IntArray], tuple[IntArray, IntArray]]) -> IntArray:
    # The table `(clusters, classes)` has no rows and columns for unused ids, so its positions are mapped back to ids.
    rows, columns = match(contingency_matrix(assignment, truth))
    classes = np.full(assignment.max() + 1, -1)
    classes[np.unique(assignment)[rows]] = np.unique(truth)[columns]
    return classes


def matched_accuracy(classes: IntArray, truth: IntArray, assignment: IntArray) -> float:
    """Return the share of images whose class is that of their cluster; `classes` is `(clusters,)`.

    Clusters without a class count as wrong.
    """
    # Test images may lie in clusters beyond those of the match; the last entry is theirs.
    padded = np.append(classes, -1)
    return float(np.mean(padded[np.minimum(assignment, len(classes))] == truth))


def cluster_accuracy(truth: IntArray, assignment: IntArray) -> float:
    """Return the share of images that are right in the best one-to-one match of clusters and classes.

    Clusters without a class and classes without a cluster count as wrong. The match is found by the Hungarian method.
    """
    return matched_accuracy(match_one_to_one(truth, assignment), truth, assignment)


def purity(truth: IntArray, assignment: IntArray) -> float:
    """Return the share of images whose class is the majority of their cluster."""
    return matched_accuracy(match_many_to_one(truth, assignment), truth, assignment)


def nmi_true(truth: IntArray, assignment: IntArray) -> float:
    """Return the normalised mutual information, with the arithmetic mean of the entropies (scikit-learn's default)."""
    return float(normalized_mutual_info_score(truth, assignment))


def nmi_true_geometric(truth: IntArray, assignment: IntArray) -> float:
    """Return the normalised mutual information, with the geometric mean of the entropies (DeepCluster section 4.1)."""
    return float(normalized_mutual_info_score(truth, assignment, average_method="geometric"))


def ari_true(truth: IntArray, assignment: IntArray) -> float:
    """Return the adjusted Rand index."""
    return float(adjusted_rand_score(truth, assignment))


def ami_true(truth: IntArray, assignment: IntArray) -> float:
    """Return the adjusted mutual information, with the arithmetic mean of the entropies."""
    return float(adjusted_mutual_info_score(truth, assignment))


TRUTH_SCORES: dict[str, Callable[[IntArray, IntArray], float]] = {score.name: globals()[score.name] for score in SCORES}
"""Column -> score of an assignment against the truth: the function above that has the name of the column."""

MATCHED_SCORES = {"cluster_accuracy": match_one_to_one, "purity": match_many_to_one}
"""Scores that match clusters to classes; on test images they use the match of the training images."""


def score_predictions(predictions: Predictions, labels: IntArray, test_labels: IntArray) -> dict[str, float]:
    """Return every column that is computed from predictions and from the true labels of both splits.

    Clusters of test images are matched to classes on the training images alone: a match made on the test images would
    be too optimistic.
    """
    row = {}
    for space in SPACES:
        if space.key not in predictions:
            continue
        assignment = predictions[space.key]
        for name in space.scores or TRUTH_SCORES:
            match, score = MATCHED_SCORES.get(name), TRUTH_SCORES[name]
            if space.training_key is None:
                value = score(labels, assignment)
            elif match:
                classes = match(labels, predictions[space.training_key])
                value = matched_accuracy(classes, test_labels, assignment)
            else:
                value = score(test_labels, assignment)
            row[space.prefix + name] = value
    for key in predictions.keys() - {space.key for space in SPACES}:
        row[f"{key}_accuracy"] = measure_accuracy(test_labels, predictions[key])
    return row


def measure_accuracy(truth: IntArray, predicted: IntArray) -> float:
    """Return the share of images whose class is right, among those whose class was predicted."""
    asked = predicted != NOT_PREDICTED
    return float((predicted[asked] == truth[asked]).mean())


def nmi_previous(previous: IntArray | None, assignment: IntArray) -> float | None:
    """Return the NMI of two successive assignments; None without a previous one, or if either has a single cluster."""
    # scikit-learn scores two single-cluster assignments as a perfect 1: total collapse would look like stability.
    if previous is None or min(len(np.unique(previous)), len(np.unique(assignment))) < 2:
        return None
    return nmi_true(previous, assignment)


def cluster_filling(assignment: IntArray, k: int) -> dict[str, float]:
    """Return the active clusters, the largest cluster's share, and the entropy of the shares divided by log k."""
    shares = np.bincount(assignment, minlength=k) / len(assignment)
    filled = shares[shares > 0]
    return {
        "active_clusters": len(filled),
        "largest_cluster_share": float(shares.max()),
        "cluster_entropy": float(-(filled * np.log(filled)).sum() / np.log(k)) + 0.0,  # + 0.0 turns -0.0 into 0.0
    }
