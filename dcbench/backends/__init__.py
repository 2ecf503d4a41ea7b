"""Backends: the library behind PCA, whitening and k-means. What they share lives here.

A part has three functions. All take and give float32 tensors `(n, d)` on the features' device:

    fit_pca(features, dim) -> Transform        the exact leading `dim` components, `(n, d)` -> `(n, dim)`
    fit_whitening(reduced) -> Transform        unit variance along the principal axes, `(n, d)` -> `(n, d)`
    kmeans(points, first, iterations) -> KMeans   Lloyd's algorithm from the centroids `first` `(k, d)`

Eigenproblems are solved in float64 by exact solvers: float32 eigenvectors are 1e-2 rad off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Transform = Callable[[Tensor], Tensor]

EIGENVALUE_FLOOR = 1e-6
"""Smallest variance that whitening divides by, as a share of the largest: one rule for all backends."""

SMALLEST_FLOOR = 1e-30
"""What that share of the largest is at least, so that collapsed features, all equal, whiten to zeros."""

CHUNK = 2**24
"""Numbers (floats) that a pass over a large matrix keeps in memory at once."""


@dataclass(frozen=True)
class KMeans:
    """Cluster of each point `(n,)` int64, centroids `(k, d)`, and clusters the library refilled on the way.

    `split` is None where the library does not say.
    """

    assignment: Tensor
    centroids: Tensor
    split: int | None = None


def variance_floor(largest: float) -> float:
    """The smallest variance that whitening divides by, given the largest one."""
    return max(EIGENVALUE_FLOOR * largest, SMALLEST_FLOOR)


def objective(points: Tensor, found: KMeans) -> float:
    """Sum of squared distances of the points to their centroids, in float64."""
    rows = max(1, CHUNK // points.shape[1])
    pairs = zip(points.split(rows), found.assignment.split(rows), strict=True)
    return float(sum(((part - found.centroids[ids]).double() ** 2).sum() for part, ids in pairs))
