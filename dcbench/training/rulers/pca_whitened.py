"""Ruler pca_whitened: PCA to as many dimensions as there are classes, whitened, clustered anew.

Whitening many dimensions drowns the few that separate the classes. With ten classes and as many dimensions it does not,
and nearly every set of starts leads to the same clusters (docs/rulers.md); more classes have not been measured.
"""

from __future__ import annotations

from dcbench.training.backends import variance_floor
from dcbench.training.metrics import Predictions
from dcbench.training.rulers import Embedding

STARTS = 30
"""So many that another set of starts hardly changes the score of the same features (docs/rulers.md)."""


def predict(embedding: Embedding) -> Predictions:
    """Return the clusters of the best start."""
    pca = embedding.low_pca
    deviations = pca.variances.clamp_min(variance_floor(float(pca.variances.max()))).sqrt()
    points, test_points = pca.training / deviations, pca.test / deviations
    return embedding.predict_new_clusters("pca_whitened", points, test_points, STARTS)
