"""Choose the images that show what a run learned, and make them small enough for a page.

In: the training images with their clustering. Out: for the largest clusters the images nearest the centroid and the
mean image, and every image that an array names. Pixels are the dataset's own, not standardised.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

from dcbench.inspect.result import Array, IntArray, find_largest
from dcbench.training.datasets import Pixels, Split
from dcbench.training.deepcluster.pseudo_labels import Clustering, FeatureSpace

IMAGES = 10
"""Images shown of each cluster."""

MAX_SIDE = 64
"""Largest side (px) of an image; larger ones are scaled down."""

CHUNK = 1024
"""Images that are read at once for a mean."""


def measure_clusters(split: Split, space: FeatureSpace, clustering: Clustering, count: int) -> dict[str, Array]:
    """Return ids, mean images, nearest images and their distances for the `count` largest clusters."""
    sizes = np.bincount(clustering.assignment, minlength=len(clustering.centroids))
    ids = find_largest(sizes[:, None], count)
    means = []
    # A cluster with fewer images than the row has places leaves the rest empty.
    nearest = np.full((len(ids), IMAGES), -1, dtype=np.int64)
    distances = np.full((len(ids), IMAGES), np.nan)
    for row, cluster in enumerate(ids):
        members = np.flatnonzero(clustering.assignment == cluster)
        means.append(average_images(split.pixels, members))
        positions, lengths = find_nearest(space.points, members, clustering.centroids[cluster])
        nearest[row, : len(positions)] = positions
        distances[row, : len(positions)] = lengths
    return {"clusters": ids, "means": scale_down(np.stack(means)), "nearest": nearest, "distances": distances}


def find_nearest(points: torch.Tensor, members: IntArray, centroid: torch.Tensor) -> tuple[IntArray, Array]:
    """Return the members `(m,)` nearest to the centroid `(d,)`, at most IMAGES, and their Euclidean distances."""
    # float64: in float32, rounding would decide the order of images that are almost equally near.
    member_points = points[torch.from_numpy(members).to(points.device)].double()
    distances = (member_points - centroid.double()).norm(dim=1).cpu().numpy()
    order = np.argsort(distances, kind="stable")[:IMAGES]
    return members[order], distances[order]


def average_images(pixels: Pixels, members: IntArray) -> Pixels:
    """Return the mean image `(c, s, s)` of the members."""
    # In chunks, because the images can be a memory-mapped file that is larger than the memory.
    chunks = np.array_split(members, -(-len(members) // CHUNK))
    total = sum(pixels[chunk].sum(axis=0, dtype=np.float64) for chunk in chunks)
    average: Pixels = np.rint(total / len(members)).astype(np.uint8)
    return average


def collect_images(split: Split, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the images `(u, c, h, h)` that these arrays name, each once, with their positions `(u,)`."""
    names = [name for name in ("nearest", "first_answers", "last_answers") if name in arrays]
    positions = np.unique(np.concatenate([arrays[name].ravel() for name in names]))
    shown = positions[positions >= 0]  # -1 marks an empty place
    return {"shown": shown, "images": scale_down(split.pixels[shown])}


def scale_down(pixels: Pixels) -> Pixels:
    """Return images `(n, c, s, s)` with a side of at most MAX_SIDE."""
    if pixels.shape[-1] <= MAX_SIDE:
        return pixels
    scaled = F.interpolate(torch.from_numpy(pixels).float(), size=(MAX_SIDE, MAX_SIDE), mode="bilinear", antialias=True)
    small: Pixels = scaled.round().clamp(0, 255).to(torch.uint8).numpy()
    return small
