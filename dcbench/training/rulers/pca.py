"""Ruler pca: PCA to as many dimensions as there are classes, unit length, clustered anew."""

from __future__ import annotations

import torch.nn.functional as F

from dcbench.training.metrics import Predictions
from dcbench.training.rulers import Embedding

STARTS = 30


def predict(embedding: Embedding) -> Predictions:
    """Return the clusters of the best start."""
    points, test_points = F.normalize(embedding.low_pca.training), F.normalize(embedding.low_pca.test)
    return embedding.predict_new_clusters("pca", points, test_points, STARTS)
