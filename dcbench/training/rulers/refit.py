"""Ruler refit: the run's space, clustered anew by the run's backend into as many clusters as there are classes."""

from __future__ import annotations

from torch import Tensor

from dcbench.training.deepcluster import pseudo_labels
from dcbench.training.metrics import Predictions
from dcbench.training.rulers import Embedding, predict_clusters


def predict(embedding: Embedding) -> Predictions:
    """Return the clusters of the best of ten starts."""
    points, test_points = embedding.space.points, embedding.space.transform(embedding.test)
    return _cluster_points(embedding, "refit", points, test_points)


def predict_unwhitened(embedding: Embedding) -> Predictions:
    """Return the same for the run's space without the whitening."""
    points, test_points = (
        embedding.space.transform(features, whitened=False) for features in (embedding.training, embedding.test)
    )
    return _cluster_points(embedding, "unwhitened_refit", points, test_points)


def _cluster_points(embedding: Embedding, name: str, points: Tensor, test_points: Tensor) -> Predictions:
    kmeans = pseudo_labels.refit(points, embedding.class_count, embedding.spec, embedding.start_seed)
    return predict_clusters(name, kmeans.assignment.cpu().numpy(), kmeans.centroids, test_points)
