"""Every column of metrics.csv with its label, unit, direction and range.

In: nothing. Out: COLUMNS, which the training writes by and which tables, axes and the page read. To add a metric, add
its line here and a value of that name to the row that the training writes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """What one column means, so that axes and tables agree."""

    name: str
    """Name of the column in metrics.csv."""
    label: str
    """Name on the page, in tables and in figures."""
    unit: str = ""
    """Unit of the values; empty for scores."""
    better: Literal["higher", "lower"] | None = None
    """Direction of improvement; None where more is neither good nor bad."""
    low: float | None = None
    """Smallest possible value; None where there is no bound."""
    high: float | None = None
    """Largest possible value; None where there is no bound."""
    help: str = ""
    """One line of explanation."""
    cost: bool = False
    """Whether it is time or memory, which differs when the same run is repeated."""

    @property
    def axis_label(self) -> str:
        """The label with its unit, as the axis of a figure shows it."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def _score(name: str, label: str, low: float, text: str) -> MetricSpec:
    return MetricSpec(name=name, label=label, better="higher", low=low, high=1.0, help=text)


SCORES = (
    _score("cluster_accuracy", "Hungarian accuracy", 0, "best one-to-one match of clusters and classes"),
    _score("purity", "purity", 0, "each cluster counted as its majority class; rises with k by itself"),
    _score("nmi_true", "NMI with the truth", 0, "normalised mutual information with the labels, arithmetic mean"),
    _score(
        "nmi_true_geometric", "NMI with the truth (geometric)", 0,
        "normalised by the geometric mean of the entropies, as in the formula of the DeepCluster paper",
    ),
    # Chance gives 0 for these two, and a clustering can be worse than chance.
    _score("ari_true", "ARI with the truth", -0.5, "adjusted Rand index with the labels"),
    _score("ami_true", "AMI with the truth", -1, "adjusted mutual information with the labels"),
)  # fmt: skip
"""Scores of a clustering against the labels of the dataset; training/metrics.py has a function for each name."""

FAMILIES = {
    "": ("", "this row's clustering of the training images"),
    "refit_": ("refit", "the same features clustered anew, k the number of classes, best of 10 starts"),
    "unwhitened_refit_": ("refit without whitening", "the same without the whitening; baselines only"),
    "test_": ("test", "test images at their nearest centroid; clusters matched to classes on training images"),
    "test_refit_": ("test, refit", "test images at the nearest centroid of the refit, matched on training images"),
    "test_unwhitened_refit_": ("test, refit without whitening", "the same without the whitening; baselines only"),
}
"""Prefix of a column -> what it appends to the label of a score, and which clustering is scored."""


def _cost(name: str, label: str, unit: str, better: Literal["higher", "lower"], text: str = "") -> MetricSpec:
    return MetricSpec(name=name, label=label, unit=unit, better=better, low=0, help=text, cost=True)


_ALL = (
    MetricSpec(name="epoch", label="epoch", low=0, help="training passes done; 0 is the untrained network"),
    MetricSpec(
        name="reassigned", label="reassigned", low=0, high=1,
        help="1: the clustering of this row became the pseudo-labels",
    ),
    MetricSpec(
        name="loss", label="loss", unit="nats", better="lower", low=0,
        help="mean cross-entropy of the training pass before this row",
    ),
    # No direction: a network that has collapsed to one cluster predicts its pseudo-labels perfectly.
    MetricSpec(
        name="pseudo_label_accuracy", label="pseudo-label accuracy", low=0, high=1,
        help="share of the training images whose pseudo-label the head predicted, which says nothing about the truth; "
        "the true label in supervised training",
    ),
    MetricSpec(
        name="test_head_accuracy", label="head's accuracy on test images", better="higher", low=0, high=1,
        help="share of test images whose class the head predicts; supervised training only",
    ),
    *(
        replace(score, name=prefix + score.name, label=f"{score.label}, {suffix}", help=f"{score.help}: {scored}")
        if prefix else score
        for prefix, (suffix, scored) in FAMILIES.items() for score in SCORES
    ),
    MetricSpec(
        name="nmi_previous", label="NMI epoch to epoch", low=0, high=1,
        help="with the assignment one row earlier: stability, not quality; empty when either is a single cluster",
    ),
    MetricSpec(
        name="active_clusters", label="active clusters", unit="clusters", low=1,
        help="clusters with at least one image",
    ),
    MetricSpec(
        name="largest_cluster_share", label="largest cluster", unit="share of images", low=0, high=1,
        help="1 is total collapse",
    ),
    MetricSpec(
        name="cluster_entropy", label="cluster entropy", unit="share of log k", low=0, high=1,
        help="1 when all clusters are equally large",
    ),
    MetricSpec(
        name="refilled_clusters", label="refilled clusters", unit="clusters", low=0,
        help="empty after k-means, then refilled",
    ),
    MetricSpec(
        name="split_clusters", label="split clusters", unit="clusters", low=0,
        help="refilled by the library during its iterations; empty where the library does not say",
    ),
    # Whitening gives every direction the same variance, so the rank after it would hide a collapse.
    MetricSpec(
        name="feature_rank", label="effective rank of the raw features", unit="dimensions", low=1,
        help="exponential of the entropy of the covariance spectrum, before PCA and whitening, which hide collapse",
    ),
    *(
        _cost(f"seconds_{stage}", f"{stage} time", "s", "lower", f"stage {stage}, device-synchronised")
        for stage in ("features", "pca", "whiten", "kmeans", "train", "evaluate")
    ),
    _cost("images_per_second_train", "training speed", "images/s", "higher"),
    _cost("peak_memory_mb", "peak memory", "MB", "lower", "torch's on a GPU, the process's so far on a CPU"),
)  # fmt: skip

COLUMNS: dict[str, MetricSpec] = {column.name: column for column in _ALL}
"""Name -> column, in the order of the file."""

STAGES = tuple(name.removeprefix("seconds_") for name in COLUMNS if name.startswith("seconds_"))
"""The timed steps of an epoch, in order."""
