"""Ruler own: the clustering of the run itself, with the run's `k`, in the run's space."""

from __future__ import annotations

from dcbench.training.rulers import Embedding


def score(embedding: Embedding) -> dict[str, float]:
    """Return the scores of the row's clustering."""
    clustering, test_points = embedding.clustering, embedding.space.transform(embedding.test)
    return embedding.score_clustering("", clustering.assignment, clustering.centroids, test_points)
