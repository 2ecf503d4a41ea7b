"""A map of the features in two dimensions: scikit-learn's t-SNE of the points on which k-means worked.

t-SNE and not PCA, because these points are usually whitened: every direction then has the same variance, and the
first two principal components show no more than any other two.
"""

from __future__ import annotations

import numpy as np
from sklearn.manifold import TSNE, trustworthiness
from torch import Tensor

from dcbench.inspect.result import Array
from dcbench.training import seeds

ARRAYS = ("map", "map_positions", "map_different", "trustworthiness")
"""What `gather` gives."""

IMAGES = 2000
"""Images on the map, at most: t-SNE of so many takes about ten seconds."""

PERPLEXITY = 30.0
"""Neighbours that t-SNE looks at, roughly; fewer where there are few images."""

NEIGHBOURS = 10
"""Neighbours that trustworthiness asks about."""

FEWEST = 4
"""Points without which there is no map."""


def gather(points: Tensor, seed: int) -> dict[str, Array] | str:
    """The map of a seeded part of the points `(n, d)`, or why there is none."""
    rng = seeds.numpy_generator(seed, "map")
    positions = np.sort(rng.choice(len(points), min(IMAGES, len(points)), replace=False))
    chosen = points[positions].float().cpu().numpy()
    different = len(np.unique(chosen, axis=0))
    if different < FEWEST:
        return f"the features of {len(chosen)} images are only {different} different points: there is nothing to map"
    placed = _tsne(chosen, int(rng.integers(2**31)))
    neighbours = min(NEIGHBOURS, (len(chosen) - 1) // 2)
    kept = trustworthiness(chosen, placed, n_neighbors=neighbours) if neighbours else np.nan
    told = {"map_different": np.array(different), "trustworthiness": np.array(kept)}
    return {"map": placed, "map_positions": positions} | told


def _tsne(points: Array, seed: int) -> Array:
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    start = "pca" if points.shape[1] > 1 else "random"
    placed: Array = TSNE(init=start, perplexity=perplexity, random_state=seed).fit_transform(points)
    return placed
