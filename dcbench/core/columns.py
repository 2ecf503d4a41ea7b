"""Every column of metrics.csv: its label, unit, direction and range, for both halves.

The order here is the order in the file. `better` is None where more is neither good nor bad; `cost` marks time and
memory, which differ when the same run is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class MetricSpec:
    """What a column means, so that axes and tables never disagree."""

    name: str
    label: str
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    low: float | None = None
    high: float | None = None
    help: str = ""
    cost: bool = False

    @property
    def titled(self) -> str:
        """The label with its unit, as an axis shows it."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def _score(name: str, label: str, low: float, text: str) -> MetricSpec:
    return MetricSpec(name, label, "", "higher", low, 1.0, text)


SCORES = (
    _score("cluster_accuracy", "Hungarian accuracy", 0, "best one-to-one match of clusters and classes"),
    _score("purity", "purity", 0, "each cluster counted as its majority class; rises with k by itself"),
    _score("nmi_true", "NMI with the truth", 0, "normalised mutual information with the labels, arithmetic mean"),
    _score(
        "nmi_true_geometric", "NMI with the truth (geometric)", 0,
        "normalised by the geometric mean of the entropies, as the DeepCluster paper's formula is",
    ),
    _score("ari_true", "ARI with the truth", -0.5, "adjusted Rand index with the labels"),
    _score("ami_true", "AMI with the truth", -1, "adjusted mutual information with the labels"),
)  # fmt: skip
"""Scores of a clustering against the dataset's labels; metrics.py has a function of each name."""

FAMILIES = {
    "": ("", "this row's clustering of the training images"),
    "refit_": ("refit", "the same features clustered anew, k the number of classes, best of 10 starts"),
    "unwhitened_refit_": ("refit without whitening", "the same without the whitening; baselines only"),
    "test_": ("test", "test images at their nearest centroid; clusters matched to classes on training images"),
    "test_refit_": ("test, refit", "test images at the refit's nearest centroid, matched on training images"),
    "test_unwhitened_refit_": ("test, refit without whitening", "the same without the whitening; baselines only"),
}
"""Prefix of a column -> what it adds to a score's label, and what is scored."""


def _of_family(prefix: str) -> tuple[MetricSpec, ...]:
    short, text = FAMILIES[prefix]
    return tuple(
        replace(score, name=prefix + score.name, label=f"{score.label}, {short}", help=f"{score.help}: {text}")
        if prefix
        else score
        for score in SCORES
    )


def _cost(name: str, label: str, unit: str, better: Literal["higher", "lower"], text: str = "") -> MetricSpec:
    return MetricSpec(name, label, unit, better, 0, None, text, cost=True)


_ALL = (
    MetricSpec("epoch", "epoch", "", None, 0, None, "training passes done; 0 is the untrained network"),
    MetricSpec("reassigned", "reassigned", "", None, 0, 1, "1: this row's clustering became the pseudo-labels"),
    MetricSpec("loss", "loss", "nats", "lower", 0, None, "mean cross-entropy of the pass that led here"),
    MetricSpec(
        "pseudo_label_accuracy", "pseudo-label accuracy", "", None, 0, 1,
        "share of the pass's images whose pseudo-label the head predicted, which says nothing about the truth; "
        "the true label in supervised training",
    ),
    MetricSpec(
        "test_head_accuracy", "head's accuracy on test images", "", "higher", 0, 1,
        "share of test images whose class the head predicts; supervised training only",
    ),
    *(column for prefix in FAMILIES for column in _of_family(prefix)),
    MetricSpec(
        "nmi_previous", "NMI epoch to epoch", "", None, 0, 1,
        "with the assignment one row earlier: stability, not quality; empty when either is a single cluster",
    ),
    MetricSpec("active_clusters", "active clusters", "clusters", None, 1, None, "clusters with at least one image"),
    MetricSpec("largest_cluster_share", "largest cluster", "share of images", None, 0, 1, "1 is total collapse"),
    MetricSpec("cluster_entropy", "cluster entropy", "share of log k", None, 0, 1, "1 when all clusters are equal"),
    MetricSpec("refilled_clusters", "refilled clusters", "clusters", None, 0, None, "empty after k-means, then refilled"),
    MetricSpec(
        "split_clusters", "split clusters", "clusters", None, 0, None,
        "refilled by the library inside its iterations; empty where it does not say",
    ),
    MetricSpec(
        "feature_rank", "effective rank of the raw features", "dimensions", None, 1, None,
        "exponential of the entropy of the covariance spectrum, before PCA and whitening, which hide collapse",
    ),
    *(
        _cost(f"seconds_{stage}", f"{stage} time", "s", "lower", f"stage {stage}, device-synchronised")
        for stage in ("features", "pca", "whiten", "kmeans", "train", "evaluate")
    ),
    _cost("images_per_second_train", "training speed", "images/s", "higher"),
    _cost("peak_memory_mb", "peak memory", "MB", "lower", "torch's on a GPU, the process's so far on a CPU"),
)  # fmt: skip

COLUMNS: dict[str, MetricSpec] = {column.name: column for column in _ALL}
"""Name -> column, in file order."""

STAGES = tuple(name.removeprefix("seconds_") for name in COLUMNS if name.startswith("seconds_"))
"""The timed steps of an epoch, in order."""
