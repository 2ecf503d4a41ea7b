"""Ruler l2: the raw features scaled to unit length, without PCA and whitening, clustered anew."""

from __future__ import annotations

import torch.nn.functional as F

from dcbench.training.rulers import Embedding

STARTS = 3
"""Few, because k-means in hundreds of dimensions is the slowest of all rulers."""


def score(embedding: Embedding) -> dict[str, float]:
    """Return the scores of the best start."""
    points, test_points = F.normalize(embedding.training), F.normalize(embedding.test)
    return embedding.score_new_clusters("l2_", points, test_points, STARTS)
