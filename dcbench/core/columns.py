"""Every metric, declared once: its label, unit, range and direction, and where reports show it.

COLUMNS are the columns of metrics.csv, in the order of the file. METRICS has the derived ones too. The tables, figures
and pages ask `list_metrics` which of them they show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

CLUSTERING = "seconds_clustering"
"""Seconds of PCA, whitening and k-means over all epochs of a run."""

SCORE_MARGIN = 0.02
"""How far two choices may differ in a score and still count as the same."""

TEST_PREFIX = "test_"
"""What the names of all scores of test images begin with."""

View = Literal[
    "effects",  # effects, interactions, levels and ranks, on the page and in `dcbench compare`
    "finals",  # the table of finals by cell, and runs.csv
    "runs",  # the page's table of runs
    "curves",  # the page's curves, beside the metric that judges choices
    "baselines",  # the table of baselines; only scores for which all runs have as many clusters as classes
    "baseline_runs",  # the page's table of baseline runs
    "status",  # `dcbench status RUN`
    "inspection",  # the page of `dcbench inspect`
]


@dataclass(frozen=True, kw_only=True)
class Space:
    """Where a score is measured: which features of which images are clustered, and how.

    Attributes:
        prefix: What the space puts before the name of a score to give the column.
        label: What it appends to the label of a score.
        help: Which clustering is scored.
        has_run_k: Whether there are as many clusters as the run's `k`, rather than as many as classes.
        baselines_only: Whether only baselines are scored there.
        scores: The names of the scores that are measured there; None for all.
    """

    prefix: str
    label: str
    help: str
    has_run_k: bool
    baselines_only: bool = False
    scores: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        """The name of the clustering, where it is kept with those of other spaces: `own`, `test_own`, `refit`."""
        return f"{self.prefix}own" if self.prefix in ("", TEST_PREFIX) else self.prefix.removesuffix("_")

    @property
    def training_key(self) -> str | None:
        """The key of the clustering of the training images that this one of test images belongs to; None for itself."""
        return self.key.removeprefix(TEST_PREFIX) if self.prefix.startswith(TEST_PREFIX) else None


RULER_SCORES = ("cluster_accuracy", "nmi_true")
"""The scores of the rulers that cluster in a space of their own."""

OWN_SPACE = Space(prefix="", label="", help="this row's clustering of the training images", has_run_k=True)

SPACES = (
    OWN_SPACE,
    Space(
        prefix="refit_", label="refit", has_run_k=False,
        help="the same features clustered anew, k the number of classes, best of 10 starts",
    ),
    Space(
        prefix="unwhitened_refit_", label="refit without whitening", has_run_k=False, baselines_only=True,
        help="the same without the whitening; baselines only",
    ),
    Space(
        prefix=TEST_PREFIX, label="test", has_run_k=True,
        help="test images at their nearest centroid; clusters matched to classes on training images",
    ),
    Space(
        prefix="test_refit_", label="test, refit", has_run_k=False,
        help="test images at the nearest centroid of the refit, matched on training images",
    ),
    Space(
        prefix="test_unwhitened_refit_", label="test, refit without whitening", has_run_k=False,
        baselines_only=True,
        help="the same without the whitening; baselines only",
    ),
    *(
        Space(
            prefix=f"{split}{ruler}_", label=f"{label}{name}", has_run_k=False, scores=RULER_SCORES,
            help=f"{images} {space}, k the number of classes, best of {starts} starts",
        )
        for split, label, images in (
            ("", "", "training images clustered by"),
            (TEST_PREFIX, "test, ", "test images at the nearest centroid of the training images, clustered by"),
        )
        for ruler, name, space, starts in (
            ("l2", "unit length", "raw features of unit length", 3),
            ("pca", "low PCA", "a PCA to as many dimensions as classes, of unit length", 30),
            ("pca_whitened", "low whitened PCA", "a PCA to as many dimensions as classes, whitened", 30),
        )
    ),
)  # fmt: skip
"""Every space in which clusterings are scored, in the order of the file and of all tables."""


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """What one metric means, so that axes, tables and sentences agree.

    Attributes:
        name: The column in metrics.csv and in the frames.
        label: The name on the page, in tables and in figures.
        unit: The unit of the values; empty for scores.
        better: The direction of improvement; None where more is neither good nor bad.
        low: The smallest possible value; None where there is no bound.
        high: The largest possible value; None where there is no bound.
        help: One line of explanation.
        cost: Whether it is time or memory, which differs when the same run is repeated.
        space: Where the score is measured; None for what is no score of a clustering.
        is_difference: Whether it is a change, which is shown with its sign.
        rises_with_k: Whether it rises with the number of clusters for the same features, so that it cannot rank values
            of k.
        margin: How far two choices may differ and still count as the same, unless the user says otherwise; a factor
            above 1 for a ratio. Effects have one.
        is_ratio: Whether choices are compared by the ratio of their values rather than by the difference.
        best_epoch: Which end of it may choose the best epoch; None for scores, since choosing the epoch by the score
            itself would report the luckiest epoch.
        shown_in: Each view that shows it, with its place there among the metrics of the same space.
    """

    name: str
    label: str
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    low: float | None = None
    high: float | None = None
    help: str = ""
    cost: bool = False
    space: Space | None = None
    is_difference: bool = False
    rises_with_k: bool = False
    margin: float | None = None
    is_ratio: bool = False
    best_epoch: Literal["lowest", "highest"] | None = None
    shown_in: Mapping[View, int] = field(default_factory=dict)

    @property
    def axis_label(self) -> str:
        """The label with its unit, as the axis of a figure shows it."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def kind(self) -> str:
        """The score without its space, such as `nmi_true` of `test_refit_nmi_true`; otherwise the name."""
        return self.name.removeprefix(self.space.prefix) if self.space else self.name


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score of a clustering against the labels of the dataset; each space has a column of it.

    Attributes:
        name: The function in training/metrics.py that computes it, and its column in the space of the run.
        label: The name on the page, in tables and in figures.
        low: The smallest possible value; the largest is 1.
        help: One line of explanation.
        rises_with_k: As in MetricSpec, where the number of clusters is the run's `k`.
        place: Its place among the scores of a space.
        shown_in: Prefix of a space -> the views that show the score there.
    """

    name: str
    label: str
    low: float
    help: str
    rises_with_k: bool = False
    place: int = 0
    shown_in: Mapping[str, tuple[View, ...]] = field(default_factory=dict)

    def measure_in(self, space: Space) -> MetricSpec:
        """Return the column of this score in a space."""
        return MetricSpec(
            name=space.prefix + self.name,
            label=f"{self.label}, {space.label}" if space.label else self.label,
            better="higher",
            low=self.low,
            high=1.0,
            help=self.help if space == OWN_SPACE else f"{self.help}: {space.help}",
            space=space,
            rises_with_k=self.rises_with_k and space.has_run_k,
            margin=SCORE_MARGIN,
            shown_in=dict.fromkeys(self.shown_in.get(space.prefix, ()), self.place),
        )


SCORES = (
    Score(
        name="cluster_accuracy", label="Hungarian accuracy", low=0, place=3, rises_with_k=True,
        help="best one-to-one match of clusters and classes",
        shown_in={
            "": ("effects", "finals", "runs", "curves", "status", "inspection"),
            "refit_": ("baselines",),
            "test_refit_": (
                "effects", "finals", "runs", "baselines", "baseline_runs", "status", "inspection",
            ),
            "test_unwhitened_refit_": ("baselines",),
            "pca_whitened_": ("finals", "baselines", "inspection"),
        },
    ),
    Score(
        name="purity", label="purity", low=0, place=5, rises_with_k=True,
        help="each cluster counted as its majority class; rises with k by itself",
        shown_in={"": ("inspection",)},
    ),
    Score(
        name="nmi_true", label="NMI with the truth", low=0, place=0, rises_with_k=True,
        help="normalised mutual information with the labels, arithmetic mean",
        # The curves have NMI or AMI anyway, as the metric that judges choices.
        shown_in={
            "": ("effects", "finals", "runs", "status", "inspection"),
            "refit_": ("effects", "baselines"),
            "test_refit_": ("effects", "finals", "runs", "curves", "baselines", "baseline_runs", "status"),
            "test_unwhitened_refit_": ("baselines",),
            "l2_": ("effects", "finals", "baselines"),
            "pca_": ("effects", "finals", "baselines"),
            "pca_whitened_": ("effects", "finals", "runs", "baselines", "baseline_runs", "status", "inspection"),
        },
    ),
    Score(
        name="nmi_true_geometric", label="NMI with the truth (geometric)", low=0, rises_with_k=True,
        help="normalised by the geometric mean of the entropies, as in the formula of the DeepCluster paper",
    ),
    # Chance gives 0 for these two, and a clustering can be worse than chance.
    Score(
        name="ari_true", label="ARI with the truth", low=-0.5, place=6,
        help="adjusted Rand index with the labels",
        shown_in={"": ("finals", "inspection")},
    ),
    Score(
        name="ami_true", label="AMI with the truth", low=-1, place=1,
        help="adjusted mutual information with the labels",
        shown_in={"": ("effects",)},
    ),
)  # fmt: skip


def _cost(name: str, label: str, unit: str, better: Literal["higher", "lower"], text: str = "") -> MetricSpec:
    return MetricSpec(name=name, label=label, unit=unit, better=better, low=0, help=text, cost=True)


_ALL = (
    MetricSpec(name="epoch", label="epoch", low=0, help="training passes done; 0 is the untrained network"),
    MetricSpec(
        name="reassigned", label="reassigned", low=0, high=1,
        help="1: the clustering of this row became the pseudo-labels",
    ),
    MetricSpec(
        name="loss", label="loss", unit="nats", better="lower", low=0, best_epoch="lowest",
        help="mean cross-entropy of the training pass before this row",
    ),
    # No direction: a network that has collapsed to one cluster predicts its pseudo-labels perfectly.
    MetricSpec(
        name="pseudo_label_accuracy", label="pseudo-label accuracy", low=0, high=1, best_epoch="highest",
        help="share of the training images whose pseudo-label the head predicted, which says nothing about the truth; "
        "the true label in supervised training",
        shown_in={"finals": 1, "runs": 1, "curves": 1},
    ),
    MetricSpec(
        name="test_head_accuracy", label="head's accuracy on test images", better="higher", low=0, high=1,
        help="share of test images whose class the head predicts; supervised training only",
        shown_in={"baselines": 0, "baseline_runs": 0, "inspection": 0},
    ),
    *(
        score.measure_in(space)
        for space in SPACES
        for score in SCORES
        if space.scores is None or score.name in space.scores
    ),
    MetricSpec(
        name="test_knn_accuracy", label="k-nearest-neighbour accuracy", better="higher", low=0, high=1,
        margin=SCORE_MARGIN, help="share of test images whose class wins the vote of the 20 nearest training images",
        shown_in={"effects": 10, "finals": 10, "baselines": 10},
    ),
    MetricSpec(
        name="test_probe_accuracy", label="linear probe's accuracy", better="higher", low=0, high=1,
        margin=SCORE_MARGIN, help="share of test images whose class a linear classifier of the raw features predicts",
        shown_in={"effects": 11, "finals": 11, "baselines": 11},
    ),
    MetricSpec(
        name="nmi_previous", label="NMI epoch to epoch", low=0, high=1, best_epoch="highest",
        help="with the assignment one row earlier: stability, not quality; empty when either is a single cluster",
        shown_in={"finals": 2, "runs": 2, "curves": 2},
    ),
    MetricSpec(
        name="active_clusters", label="active clusters", unit="clusters", low=1,
        help="clusters with at least one image",
    ),
    MetricSpec(
        name="largest_cluster_share", label="largest cluster", unit="share of images", low=0, high=1,
        help="1 is total collapse",
        shown_in={"finals": 3, "runs": 3, "curves": 3, "inspection": 5},
    ),
    MetricSpec(
        name="cluster_entropy", label="cluster entropy", unit="share of log k", low=0, high=1, best_epoch="highest",
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
        best_epoch="highest", margin=1.0,
        help="exponential of the entropy of the covariance spectrum, before PCA and whitening, which hide collapse",
        shown_in={"effects": 4, "finals": 4, "runs": 4, "curves": 4, "inspection": 4},
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


@dataclass(frozen=True, kw_only=True)
class Ruler:
    """A way to score features; training/rulers/ has a file for each.

    Attributes:
        column: The column that choices are judged by with this ruler.
        help: What it measures, as the page says it.
    """

    column: str
    help: str


RULERS = {
    "own": Ruler(column="nmi_true", help="the run's own clustering, in the space that the run clusters in"),
    "refit": Ruler(column="refit_nmi_true", help="the run's space, clustered anew with k the number of classes"),
    "l2": Ruler(column="l2_nmi_true", help="the raw features of unit length, clustered anew"),
    "pca": Ruler(column="pca_nmi_true", help="a PCA to as many dimensions as classes, clustered anew"),
    "pca_whitened": Ruler(
        column="pca_whitened_nmi_true", help="a whitened PCA to as many dimensions as classes, clustered anew"
    ),
    "knn": Ruler(column="test_knn_accuracy", help="the classes of the nearest training images of each test image"),
    "probe": Ruler(column="test_probe_accuracy", help="a linear classifier of the raw features, on test images"),
}
"""Name -> ruler."""

DEFAULT_RULER = "pca_whitened"
"""The ruler that docs/rulers.md supports: it puts networks of known quality in the right order, with little noise."""


def name_gain(metric: str) -> str:
    """Return the name of what training added to a metric: its value less that of row 0 of the same run."""
    return f"gain_{metric}"


GAIN = name_gain("nmi_true")
"""What training added by the run's own clustering."""

_DERIVED = (
    *(
        replace(
            COLUMNS[ruler.column], name=name_gain(ruler.column), low=-1, margin=SCORE_MARGIN, is_difference=True,
            label=f"gain over untrained{f', {name}' if name != 'own' else ''}",
            help=f"{COLUMNS[ruler.column].label} less that of row 0",
            # The gains of rulers without a space come after all other metrics without one.
            shown_in={"finals": place, "runs": place, "effects": place + 2},
        )
        for number, (name, ruler) in enumerate(RULERS.items())
        for place in [2 if COLUMNS[ruler.column].space else 20 + number]
    ),
    MetricSpec(
        name="seconds", label="time of the run", unit="s", better="lower", low=0, cost=True, margin=1.1, is_ratio=True,
        help="from start to end", shown_in={"effects": 5, "baseline_runs": 5},
    ),
    MetricSpec(
        name=CLUSTERING, label="time of clustering", unit="s", better="lower", low=0, cost=True, margin=1.1,
        is_ratio=True, help="PCA, whitening, k-means", shown_in={"effects": 6},
    ),
)  # fmt: skip

METRICS: dict[str, MetricSpec] = COLUMNS | {metric.name: metric for metric in _DERIVED}
"""Name -> column of metrics.csv, or metric of a run that is computed from the columns and the state."""

STAGES = tuple(name.removeprefix("seconds_") for name in COLUMNS if name.startswith("seconds_"))
"""The timed steps of an epoch, in order."""


def list_metrics(view: View) -> tuple[str, ...]:
    """Return the names of the metrics that a view shows, space by space; metrics that are no scores come last."""

    def find_place(metric: MetricSpec) -> tuple[int, int]:
        space = SPACES.index(metric.space) if metric.space else len(SPACES)
        return space, metric.shown_in[view]

    shown = [metric for metric in METRICS.values() if view in metric.shown_in]
    return tuple(metric.name for metric in sorted(shown, key=find_place))
