"""Every column of metrics.csv: its label, unit, direction and range, for both halves.

The order here is the order in the file. `better` is None where more is neither good nor bad.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """What a column means, so that axes and tables never disagree."""

    name: str
    label: str
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    low: float | None = None
    high: float | None = None
    help: str = ""

    @property
    def titled(self) -> str:
        """The label with its unit, as an axis shows it."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def _score(name: str, label: str, low: float, text: str) -> Column:
    return Column(name, label, "", "higher", low, 1.0, text)


_ALL = (
    Column("epoch", "epoch", "", None, 0, None, "training passes done; 0 is the untrained network"),
    Column("reassigned", "reassigned", "", None, 0, 1, "1: this row's clustering became the pseudo-labels"),
    Column("loss", "loss", "nats", "lower", 0, None, "mean cross-entropy of the pass that led here"),
    Column(
        "pseudo_label_accuracy", "pseudo-label accuracy", "", None, 0, 1,
        "share of the pass's images whose pseudo-label the head predicted; says nothing about the truth",
    ),
    _score("cluster_accuracy", "Hungarian accuracy", 0, "best one-to-one match of clusters and classes"),
    _score("purity", "purity", 0, "each cluster counted as its majority class; rises with k by itself"),
    _score("nmi_true", "NMI with the truth", 0, "normalised mutual information with the labels, arithmetic mean"),
    _score("ari_true", "ARI with the truth", -0.5, "adjusted Rand index with the labels"),
    _score("ami_true", "AMI with the truth", -1, "adjusted mutual information with the labels"),
    Column(
        "nmi_previous", "NMI epoch to epoch", "", None, 0, 1,
        "with the assignment one row earlier: stability, not quality; empty when either is a single cluster",
    ),
    Column("active_clusters", "active clusters", "clusters", None, 1, None, "clusters with at least one image"),
    Column("largest_cluster_share", "largest cluster", "share of images", None, 0, 1, "1 is total collapse"),
    Column("cluster_entropy", "cluster entropy", "share of log k", None, 0, 1, "1 when all clusters are equal"),
    Column("refilled_clusters", "refilled clusters", "clusters", None, 0, None, "empty after k-means, then refilled"),
    Column(
        "split_clusters", "split clusters", "clusters", None, 0, None,
        "refilled by the library inside its iterations; empty where it does not say",
    ),
    Column(
        "feature_rank", "effective rank of the raw features", "dimensions", None, 1, None,
        "exponential of the entropy of the covariance spectrum, before PCA and whitening, which hide collapse",
    ),
    *(
        Column(f"seconds_{stage}", f"{stage} time", "s", "lower", 0, None, f"stage {stage}, device-synchronised")
        for stage in ("features", "pca", "whiten", "kmeans", "train", "evaluate")
    ),
    Column("images_per_second_train", "training speed", "images/s", "higher", 0),
    Column("peak_memory_mb", "peak memory", "MB", "lower", 0, None, "torch's on a GPU, the process's so far on a CPU"),
)  # fmt: skip

COLUMNS: dict[str, Column] = {column.name: column for column in _ALL}
"""Name -> column, in file order."""

STAGES = tuple(name.removeprefix("seconds_") for name in COLUMNS if name.startswith("seconds_"))
"""The timed steps of an epoch, in order."""
