"""Ruler l2: the raw features scaled to unit length, without PCA and whitening, clustered anew."""

from __future__ import annotations

import torch.nn.functional as F

from dcbench.training.metrics import Predictions
from dcbench.training.rulers import SAMPLE, Embedding

STARTS = 3
"""Few, because k-means in hundreds of dimensions is the slowest of all rulers; hence the sample as well."""


def predict(embedding: Embedding) -> Predictions:
    """Return the clusters of the best start."""
    points, test_points = F.normalize(embedding.training), F.normalize(embedding.test)
    return embedding.predict_new_clusters("l2", points, test_points, STARTS, SAMPLE)
