"""Ruler refit: the run's space, clustered anew by the run's backend into as many clusters as there are classes."""

from __future__ import annotations

from torch import Tensor

from dcbench.training.deepcluster import pseudo_labels
from dcbench.training.rulers import Embedding


def score(embedding: Embedding) -> dict[str, float]:
    """Return the scores of the best of ten starts."""
    points, test_points = embedding.space.points, embedding.space.transform(embedding.test)
    return _score_points(embedding, "refit_", points, test_points)


def score_unwhitened(embedding: Embedding) -> dict[str, float]:
    """Return the same scores for the run's space without the whitening."""
    points, test_points = (
        embedding.space.transform(features, whitened=False) for features in (embedding.training, embedding.test)
    )
    return _score_points(embedding, "unwhitened_refit_", points, test_points)


def _score_points(embedding: Embedding, prefix: str, points: Tensor, test_points: Tensor) -> dict[str, float]:
    kmeans = pseudo_labels.refit(points, embedding.class_count, embedding.spec, embedding.start_seed)
    return embedding.score_clustering(prefix, kmeans.assignment.cpu().numpy(), kmeans.centroids, test_points)
