"""Rulers: ways to score features against the true labels, each in a file of its own.

A ruler is one file, `NAME.py`, with a function:

    score(embedding: Embedding) -> dict[str, float]
        Return the columns of this ruler. Test images only meet what was fitted on training images.

core/columns.py declares the columns, and which of them judges choices. `own` and `refit` measure in the space that the
run itself clusters in. All other rulers fit a space of their own, which is a part of the measure: on one device, the
same features get the same score in every run, whatever its backend, its `k` and its seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import faiss
import scipy.linalg
import torch
from torch import Tensor

from dcbench import registry
from dcbench.core.columns import RULER_SCORES
from dcbench.core.spec import RunSpec
from dcbench.training import metrics, seeds
from dcbench.training.backends import KMeansResult, assign_to_nearest, compute_objective
from dcbench.training.deepcluster.pseudo_labels import Clustering, FeatureSpace
from dcbench.training.metrics import IntArray

FEW_NUMBERS = 2**20
"""Points of fewer numbers are clustered by one thread: more would mostly wait for each other, long on busy cores."""

ITERATIONS = 20
"""Iterations of k-means, at most."""


@dataclass(frozen=True, kw_only=True)
class LowPca:
    """Features `(n, dim)` and `(m, dim)` of both splits on the leading principal axes, and the variances `(dim,)`."""

    training: Tensor
    test: Tensor
    variances: Tensor


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """The features of all images in one row, with the true labels, and what the run made of the features.

    Attributes:
        training: Raw features `(n, d)` of the training images.
        test: Raw features `(m, d)` of the test images.
        labels: True labels `(n,)` of the training images.
        test_labels: True labels `(m,)` of the test images.
        class_count: The number of classes.
        space: The space that the run clusters in.
        clustering: The row's clustering of the training images.
        spec: The specification of the run.
        start_seed: Seed of the starts of k-means, the same for all runs; the benchmark of the rulers changes it.
    """

    training: Tensor
    test: Tensor
    labels: IntArray
    test_labels: IntArray
    class_count: int
    space: FeatureSpace
    clustering: Clustering
    spec: RunSpec
    start_seed: int = 0

    @cached_property
    def centred(self) -> tuple[Tensor, Tensor]:
        """The features of both splits less the mean of the training features."""
        mean = self.training.mean(dim=0, dtype=torch.float64).float()
        return self.training - mean, self.test - mean

    @cached_property
    def covariance(self) -> Tensor:
        """The covariance `(d, d)` float64 of the training features; the product is computed in float32."""
        training, _ = self.centred
        return (training.T @ training).double() / (len(training) - 1)

    @cached_property
    def low_pca(self) -> LowPca:
        """The features in a PCA to as many dimensions as there are classes, or fewer if there must be."""
        training, test = self.centred
        size = len(self.covariance)
        dim = min(self.class_count, size, len(training) - 1)
        # Only the leading eigenvectors: all of them would take ten times as long.
        variances, axes = scipy.linalg.eigh(self.covariance.cpu().numpy(), subset_by_index=(size - dim, size - 1))
        axes, variances = (torch.from_numpy(values).float().to(training.device) for values in (axes, variances))
        return LowPca(training=training @ axes, test=test @ axes, variances=variances)

    def score_clustering(
        self,
        prefix: str,
        assignment: IntArray,
        centroids: Tensor,
        test_points: Tensor,
        names: tuple[str, ...] = tuple(metrics.TRUTH_SCORES),
    ) -> dict[str, float]:
        """Return the scores of a clustering; test images belong to the nearest centroid of the training images."""
        test_assignment = assign_to_nearest(test_points, centroids).cpu().numpy()
        held_out = metrics.score_held_out((self.labels, assignment), self.test_labels, test_assignment)
        scores = {prefix + name: metrics.TRUTH_SCORES[name](self.labels, assignment) for name in names}
        return scores | {f"test_{prefix}{name}": held_out[name] for name in names}

    def score_new_clusters(self, prefix: str, points: Tensor, test_points: Tensor, starts: int) -> dict[str, float]:
        """Cluster training points `(n, dim)` into as many clusters as classes, and score that on both splits."""
        kmeans = cluster_points(points, self.class_count, starts, self.start_seed)
        assignment = kmeans.assignment.cpu().numpy()
        return self.score_clustering(prefix, assignment, kmeans.centroids, test_points, RULER_SCORES)


def cluster_points(points: Tensor, k: int, starts: int, seed: int) -> KMeansResult:
    """Return the result with the lowest objective of k-means from so many random starts, the same for every run."""
    # One library for all runs, so that the measure does not change with the backend that is measured. faiss is fastest.
    kmeans = registry.load("backends", "faiss").kmeans
    results = []
    threads = faiss.omp_get_max_threads()
    if points.numel() < FEW_NUMBERS:
        faiss.omp_set_num_threads(1)
    try:
        for start in range(starts):
            rng = seeds.numpy_generator(seed, "refit", start)
            indices = rng.choice(len(points), min(k, len(points)), replace=False)
            results.append(kmeans(points, points[torch.from_numpy(indices).to(points.device)], ITERATIONS))
    finally:
        faiss.omp_set_num_threads(threads)
    best: KMeansResult = min(results, key=lambda result: compute_objective(points, result))
    return best
