"""Map the features to two dimensions by scikit-learn's t-SNE of the points that k-means worked on.

t-SNE and not PCA, because these points are usually whitened: every direction then has the same variance, and the
first two principal components show no more than any other two.
"""

from __future__ import annotations

import numpy as np
from sklearn.manifold import TSNE, trustworthiness
from torch import Tensor

from dcbench.inspect.result import Array
from dcbench.training import seeds

MAP_ARRAYS = ("map", "map_positions", "map_different", "trustworthiness")
"""Names of the arrays that `map_features` returns."""

MAX_IMAGES = 2000
"""Most images on the map; t-SNE of this many takes about ten seconds."""

PERPLEXITY = 30.0
"""Number of neighbours that t-SNE looks at, roughly; fewer if there are few images."""

NEIGHBOURS = 10
"""Number of neighbours that the trustworthiness looks at."""

MIN_POINTS = 4
"""Fewest distinct points of a map."""


def map_features(points: Tensor, seed: int) -> dict[str, Array] | str:
    """Return the map of a random part of the points `(n, d)`, or why there is none."""
    rng = seeds.numpy_generator(seed, "map")
    positions = np.sort(rng.choice(len(points), min(MAX_IMAGES, len(points)), replace=False))
    chosen = points[positions].float().cpu().numpy()
    distinct = len(np.unique(chosen, axis=0))
    if distinct < MIN_POINTS:
        return f"the features of {len(chosen)} images are only {distinct} different points: there is nothing to map"
    tsne = TSNE(
        init="pca" if chosen.shape[1] > 1 else "random",  # PCA gives no second dimension of one feature
        perplexity=min(PERPLEXITY, (len(chosen) - 1) / 3),
        random_state=int(rng.integers(2**31)),
    )
    coordinates: Array = tsne.fit_transform(chosen)
    # scikit-learn refuses a number of neighbours of half the images or more.
    neighbours = min(NEIGHBOURS, (len(chosen) - 1) // 2)
    quality = trustworthiness(chosen, coordinates, n_neighbors=neighbours) if neighbours else np.nan
    return {
        "map": coordinates,
        "map_positions": positions,
        "map_different": np.array(distinct),
        "trustworthiness": np.array(quality),
    }
