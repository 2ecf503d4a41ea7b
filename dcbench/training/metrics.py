"""Score functions: assignments `(n,)` against the true labels or another assignment.

Each is a plain function of integer arrays; its label, range and direction stand in columns.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

Ints = npt.NDArray[np.int64]


def one_to_one(truth: Ints, assignment: Ints) -> Ints:
    """Class of each cluster `(clusters,)` under the best one-to-one match (Hungarian method), -1 without a class."""
    return _classes_of(truth, assignment, lambda table: linear_sum_assignment(table, maximize=True))


def many_to_one(truth: Ints, assignment: Ints) -> Ints:
    """Majority class of each cluster `(clusters,)`, -1 for an empty one."""
    return _classes_of(truth, assignment, lambda table: (np.arange(len(table)), table.argmax(axis=1)))


def _classes_of(truth: Ints, assignment: Ints, match: Callable[[Ints], tuple[Ints, Ints]]) -> Ints:
    """`match` gives positions of clusters and of classes in the table `(clusters, classes)`."""
    rows, columns = match(contingency_matrix(assignment, truth))
    classes = np.full(assignment.max() + 1, -1)
    classes[np.unique(assignment)[rows]] = np.unique(truth)[columns]
    return classes


def accuracy(classes: Ints, truth: Ints, assignment: Ints) -> float:
    """Share of images whose cluster's class, of `classes` `(clusters,)`, is theirs; clusters without one are wrong."""
    known = np.append(classes, -1)  # for clusters beyond those that the match was made on
    return float(np.mean(known[np.minimum(assignment, len(classes))] == truth))


def cluster_accuracy(truth: Ints, assignment: Ints) -> float:
    """Share of images right under the best one-to-one match of clusters and classes (Hungarian method).

    Clusters without a class, and classes without a cluster, count as wrong.
    """
    return accuracy(one_to_one(truth, assignment), truth, assignment)


def purity(truth: Ints, assignment: Ints) -> float:
    """Share of images whose class is the majority of their cluster."""
    return accuracy(many_to_one(truth, assignment), truth, assignment)


def nmi_true(truth: Ints, assignment: Ints) -> float:
    """Normalised mutual information, arithmetic mean of the entropies (scikit-learn's default)."""
    return float(normalized_mutual_info_score(truth, assignment))


def nmi_true_geometric(truth: Ints, assignment: Ints) -> float:
    """Normalised mutual information, geometric mean of the entropies (DeepCluster section 4.1)."""
    return float(normalized_mutual_info_score(truth, assignment, average_method="geometric"))


def ari_true(truth: Ints, assignment: Ints) -> float:
    """Adjusted Rand index."""
    return float(adjusted_rand_score(truth, assignment))


def ami_true(truth: Ints, assignment: Ints) -> float:
    """Adjusted mutual information, arithmetic mean of the entropies."""
    return float(adjusted_mutual_info_score(truth, assignment))


TRUTH = {
    score.__name__: score for score in (cluster_accuracy, purity, nmi_true, nmi_true_geometric, ari_true, ami_true)
}
"""Column -> score of an assignment against the truth."""

MATCHED = {"cluster_accuracy": one_to_one, "purity": many_to_one}
"""Scores that match clusters to classes; on test images the match is the one of the training images."""


def held_out(training: tuple[Ints, Ints], truth: Ints, assignment: Ints) -> dict[str, float]:
    """Every score of test images; `training` is the truth and the assignment that clusters are matched on."""
    scores = {name: score(truth, assignment) for name, score in TRUTH.items() if name not in MATCHED}
    matched = {name: accuracy(match(*training), truth, assignment) for name, match in MATCHED.items()}
    return {name: (matched | scores)[name] for name in TRUTH}


def nmi_previous(previous: Ints | None, assignment: Ints) -> float | None:
    """NMI of two successive assignments; None without a previous one, or when either is a single cluster.

    scikit-learn calls two single-cluster assignments a perfect 1: total collapse would read as stability.
    """
    if previous is None or min(len(np.unique(previous)), len(np.unique(assignment))) < 2:
        return None
    return nmi_true(previous, assignment)


def cluster_filling(assignment: Ints, k: int) -> dict[str, float]:
    """How the images spread over the clusters: active clusters, largest share, entropy as a share of log k."""
    shares = np.bincount(assignment, minlength=k) / len(assignment)
    filled = shares[shares > 0]
    return {
        "active_clusters": len(filled),
        "largest_cluster_share": float(shares.max()),
        "cluster_entropy": float(-(filled * np.log(filled)).sum() / np.log(k)) + 0.0,
    }
