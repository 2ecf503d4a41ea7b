"""Backends: the library behind PCA, whitening and k-means. What they share lives here.

A part has three functions. All take and give float32 tensors `(n, d)` on the features' device:

    fit_pca(features, dim) -> Transform        the exact leading `dim` components, `(n, d)` -> `(n, dim)`
    fit_whitening(reduced) -> Transform        unit variance along the principal axes, `(n, d)` -> `(n, d)`
    kmeans(points, first, iterations) -> KMeans   Lloyd's algorithm from the centroids `first` `(k, d)`

A part named after something else than its library tells that in FACTS, `library`.
Each function says with `call_of` what did the work; a k-means names its `iterations` among the arguments.

Eigenproblems are solved in float64 by exact solvers: float32 eigenvectors are 1e-2 rad off.

A library that has defaults of its own may show them, for `dcbench parity` to tell what they cost; no run uses them:

    default_pca(features, dim, seed) -> Transform     PCA and whitening as the library does them unless told otherwise
    default_kmeans(points, k, seed) -> assignment     `(n,)` int64: its own first centroids, iterations and sampling
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

EIGENVALUE_FLOOR = 1e-6
"""Smallest variance that whitening divides by, as a share of the largest: one rule for all backends."""

SMALLEST_FLOOR = 1e-30
"""What that share of the largest is at least, so that collapsed features, all equal, whiten to zeros."""

CHUNK = 2**24
"""Numbers (floats) that a pass over a large matrix keeps in memory at once."""


@dataclass(frozen=True)
class Call:
    """What did a stage's work: library, version, function, resolved arguments and device, taken from what ran."""

    library: str
    version: str
    function: str
    arguments: dict[str, Any]
    device: str


def call_of(doer: Any, arguments: Mapping[str, Any], device: torch.device | str) -> Call:
    """The call of a library's object or function; arguments that are no plain values are told by their type."""
    kind = doer if hasattr(doer, "__qualname__") or hasattr(doer, "__name__") else type(doer)
    library = kind.__module__.split(".")[0]
    plain = {
        name: value if isinstance(value, int | float | str | None) else type(value).__name__
        for name, value in arguments.items()
    }
    name = getattr(kind, "__qualname__", kind.__name__)
    version = str(getattr(sys.modules[library], "__version__", "unknown"))
    return Call(library, version, f"{kind.__module__}.{name}", plain, str(device))


@dataclass(frozen=True)
class Transform:
    """A fitted PCA or whitening, `(n, d)` -> `(n, dim)`, and the call that fitted it."""

    apply: Callable[[Tensor], Tensor]
    call: Call

    def __call__(self, data: Tensor) -> Tensor:
        """`(n, d)` -> `(n, dim)`."""
        return self.apply(data)


@dataclass(frozen=True)
class KMeans:
    """Cluster of each point `(n,)` int64, centroids `(k, d)`, and clusters the library refilled on the way.

    `split` is None where the library does not say.
    """

    assignment: Tensor
    centroids: Tensor
    split: int | None = None
    call: Call | None = None


def variance_floor(largest: float) -> float:
    """The smallest variance that whitening divides by, given the largest one."""
    return max(EIGENVALUE_FLOOR * largest, SMALLEST_FLOOR)


def objective(points: Tensor, kmeans: KMeans) -> float:
    """Sum of squared distances of the points to their centroids, in float64."""
    rows = max(1, CHUNK // points.shape[1])
    pairs = zip(points.split(rows), kmeans.assignment.split(rows), strict=True)
    return float(sum(((part - kmeans.centroids[ids]).double() ** 2).sum() for part, ids in pairs))


def nearest(points: Tensor, centroids: Tensor) -> Tensor:
    """Nearest centroid `(n,)` of each point `(n, d)`."""
    half = (centroids**2).sum(dim=1) / 2
    rows = max(1, CHUNK // len(centroids))
    return torch.cat([(part @ centroids.T - half).argmax(dim=1) for part in points.split(rows)])
