"""Score functions: assignments `(n,)` against the true labels or another assignment.

Each is a plain function of integer arrays; its label, range and direction stand in columns.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

Ints = npt.NDArray[np.int64]


def cluster_accuracy(truth: Ints, assignment: Ints) -> float:
    """Share of images right under the best one-to-one match of clusters and classes (Hungarian method).

    Clusters without a class, and classes without a cluster, count as wrong.
    """
    table = contingency_matrix(truth, assignment)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / len(truth))


def purity(truth: Ints, assignment: Ints) -> float:
    """Share of images whose class is the majority of their cluster."""
    return float(contingency_matrix(truth, assignment).max(axis=0).sum() / len(truth))


def nmi(truth: Ints, assignment: Ints) -> float:
    """Normalised mutual information, arithmetic mean of the entropies."""
    return float(normalized_mutual_info_score(truth, assignment))


def ari(truth: Ints, assignment: Ints) -> float:
    """Adjusted Rand index."""
    return float(adjusted_rand_score(truth, assignment))


def ami(truth: Ints, assignment: Ints) -> float:
    """Adjusted mutual information, arithmetic mean of the entropies."""
    return float(adjusted_mutual_info_score(truth, assignment))


TRUTH = {
    "cluster_accuracy": cluster_accuracy,
    "purity": purity,
    "nmi_true": nmi,
    "ari_true": ari,
    "ami_true": ami,
}
"""Column -> score of an assignment against the truth."""


def nmi_previous(previous: Ints | None, assignment: Ints) -> float | None:
    """NMI of two successive assignments; None without a previous one, or when either is a single cluster.

    scikit-learn calls two single-cluster assignments a perfect 1: total collapse would read as stability.
    """
    if previous is None or min(len(np.unique(previous)), len(np.unique(assignment))) < 2:
        return None
    return nmi(previous, assignment)


def occupancy(assignment: Ints, k: int) -> dict[str, float]:
    """How the images spread over the clusters: active clusters, largest share, entropy as a share of log k."""
    shares = np.bincount(assignment, minlength=k) / len(assignment)
    filled = shares[shares > 0]
    return {
        "active_clusters": len(filled),
        "largest_cluster_share": float(shares.max()),
        "cluster_entropy": float(-(filled * np.log(filled)).sum() / np.log(k)) + 0.0,
    }
