"""Ruler own: the clustering of the run itself, with the run's `k`, in the run's space."""

from __future__ import annotations

from dcbench.training.metrics import Predictions
from dcbench.training.rulers import Embedding, predict_clusters


def predict(embedding: Embedding) -> Predictions:
    """Return the row's clustering."""
    clustering, test_points = embedding.clustering, embedding.space.transform(embedding.test)
    return predict_clusters("own", clustering.assignment, clustering.centroids, test_points)
