"""The largest clusters: the images nearest each centroid, and the mean of all its images."""

from __future__ import annotations

import numpy as np
import torch

from dcbench.inspect import result
from dcbench.inspect.measuring.thumbnails import small
from dcbench.inspect.result import Array, Ints
from dcbench.training.datasets import Pixels, Split
from dcbench.training.deepcluster.preprocessing import FeatureSpace
from dcbench.training.deepcluster.pseudo_labels import Clustering

IMAGES = 10
"""Images shown of each cluster."""

CHUNK = 1024
"""Images that a mean reads at once."""


def gather(split: Split, space: FeatureSpace, clustering: Clustering, shown: int) -> dict[str, Array]:
    """Of the `shown` largest clusters: ids, mean images, nearest images and their distances."""
    sizes = np.bincount(clustering.assignment, minlength=len(clustering.centroids))
    ids = result.largest(sizes[:, None], shown)
    members = [np.flatnonzero(clustering.assignment == label) for label in ids]
    ranked = [
        nearest(space.points, inside, clustering.centroids[label]) for label, inside in zip(ids, members, strict=True)
    ]
    return {
        "clusters": ids,
        "means": small(np.stack([mean(split.pixels, inside) for inside in members])),
        "nearest": np.stack([_filled(positions, -1) for positions, _ in ranked]),
        "distances": np.stack([_filled(distances, np.nan) for _, distances in ranked]),
    }


def nearest(points: torch.Tensor, members: Ints, centroid: torch.Tensor) -> tuple[Ints, Array]:
    """Those of the members `(m,)` that lie nearest to the centroid `(d,)`, with their Euclidean distances."""
    inside = points[torch.from_numpy(members).to(points.device)].double()
    distances = (inside - centroid.double()).norm(dim=1).cpu().numpy()
    order = np.argsort(distances, kind="stable")[:IMAGES]
    return members[order], distances[order]


def mean(pixels: Pixels, members: Ints) -> Pixels:
    """The mean `(c, s, s)` of these images."""
    parts = np.array_split(members, -(-len(members) // CHUNK))
    total = sum(pixels[part].sum(axis=0, dtype=np.float64) for part in parts)
    return np.rint(total / len(members)).astype(np.uint8)


def _filled(values: Array, blank: float) -> Array:
    """A row of IMAGES values, the missing ones blank."""
    return np.concatenate([values, np.full(IMAGES - len(values), blank, dtype=values.dtype)])
