"""Rulers: ways to score features against the true labels, each in a file of its own.

A ruler is one file, `NAME.py`, with a function:

    predict(embedding: Embedding) -> Predictions
        Return the cluster or the class of every image. Test images only meet what was fitted on training images.

metrics.py scores these predictions. core/columns.py declares the columns, and which of them judges choices. `own` and
`refit` measure in the space that the run itself clusters in. All other rulers fit a space of their own, which is a part
of the measure: on one device, the same features get the same score in every run, whatever its backend, its `k` and its
seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import faiss
import scipy.linalg
import torch
from torch import Tensor

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.training import seeds
from dcbench.training.backends import KMeansResult, assign_to_nearest, compute_objective
from dcbench.training.deepcluster.features import compute_scatter
from dcbench.training.deepcluster.pseudo_labels import Clustering, FeatureSpace
from dcbench.training.metrics import IntArray, Predictions

FEW_NUMBERS = 2**20
"""Points of fewer numbers are clustered by one thread: more would mostly wait for each other, long on busy cores."""

ITERATIONS = 20
"""Iterations of k-means, at most."""

SAMPLE = 4096
"""The dear rulers are fitted to at most this many training images, so that they stay cheap beside a pass over all."""


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
    def scatter(self) -> Tensor:
        """The scatter matrix `(d, d)` float64 of the training features: their covariance times `n - 1`."""
        return compute_scatter(self.training)

    @cached_property
    def low_pca(self) -> LowPca:
        """The features in a PCA to as many dimensions as there are classes, or fewer if there must be."""
        training, test = self.centred
        size = len(self.scatter)
        dim = min(self.class_count, size, len(training) - 1)
        # Only the leading eigenvectors: all of them would take ten times as long.
        covariance = (self.scatter / (len(training) - 1)).cpu().numpy()
        variances, axes = scipy.linalg.eigh(covariance, subset_by_index=(size - dim, size - 1))
        axes, variances = (torch.from_numpy(values).float().to(training.device) for values in (axes, variances))
        return LowPca(training=training @ axes, test=test @ axes, variances=variances)

    def predict_new_clusters(
        self, name: str, points: Tensor, test_points: Tensor, starts: int, sample: int | None = None
    ) -> Predictions:
        """Cluster the training points `(n, dim)` into as many clusters as classes; return the clusters of both splits.

        With `sample`, only so many evenly spaced training points are clustered; the others belong to the nearest
        centroid.
        """
        seen = points if sample is None else points[spread_evenly(len(points), sample)]
        kmeans = cluster_points(seen, self.class_count, starts, self.start_seed)
        everyone = len(seen) == len(points)
        assignment = kmeans.assignment if everyone else assign_to_nearest(points, kmeans.centroids)
        return predict_clusters(name, assignment.cpu().numpy(), kmeans.centroids, test_points)


def predict_clusters(name: str, assignment: IntArray, centroids: Tensor, test_points: Tensor) -> Predictions:
    """Return the clusters of both splits: test images belong to the nearest centroid of the training images."""
    return {name: assignment, f"test_{name}": assign_to_nearest(test_points, centroids).cpu().numpy()}


def spread_evenly(count: int, most: int) -> Tensor:
    """Return at most `most` positions, spread evenly over `count`: image folders are sorted by class."""
    size = min(count, most)
    return torch.arange(size) * count // size


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
