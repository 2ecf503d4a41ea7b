"""Define a backend: the library behind PCA, whitening and k-means.

In: features or points, float32 tensors `(n, d)` on the CPU or on a GPU. Out: fitted transforms and clusterings, on the
device of what they were computed from, with a record of the library call that computed them.

A backend is one file, `NAME.py`, or `NAME_backend.py` where NAME.py would shadow a library. It has three functions:

    fit_pca(features: Tensor, dim: int) -> Transform
        Fit an exact PCA, `(n, d)` -> `(n, dim)`: the leading `dim` components, centred, not scaled.
    fit_whitening(reduced: Tensor) -> Transform
        Fit a whitening, `(n, d)` -> `(n, d)`: rotate to the principal axes and divide each by its deviation. The
        variances are floored by `variance_floor`, so that features without variance give finite numbers.
    kmeans(points: Tensor, first_centroids: Tensor, iterations: int) -> KMeansResult
        Do at most `iterations` of Lloyd's algorithm from the centroids `(k, d)`, on all points, and draw no random
        numbers. Clusters may be empty at the end; dcbench refills them by the same rule for every backend.

Every backend solves eigenproblems in float64 by an exact solver: float32 eigenvectors are off by up to 0.01 rad.
Each result names the call that computed it (see `describe_call`). The audit compares its library with the backend that
the spec names, and for k-means the argument `iterations`.

Optional:

    FACTS = {"library": "cuml"}
        The Python package of the library, if it is not the backend's name.
    default_pca(features: Tensor, dim: int, seed: int) -> Transform
        PCA and whitening with the library's own default settings.
    default_kmeans(points: Tensor, k: int, seed: int) -> Tensor
        The clusters `(n,)` int64 that k-means finds with the library's own default settings.

No run uses the defaults; `dcbench parity` shows what they change.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

EIGENVALUE_FLOOR = 1e-6
"""Smallest variance that a whitening divides by, as a share of the largest one: the same for every backend."""

SMALLEST_FLOOR = 1e-30
"""Smallest variance in absolute terms. Without it collapsed features, all equal, would be divided by 0."""

CHUNK = 2**24
"""Largest number of floats that a pass over a large matrix computes at once."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """The library call that did a stage's work, as the live object describes it."""

    library: str
    """Top-level Python package."""
    version: str
    """Version of the package; `unknown` if it does not say."""
    function: str
    """Class or function, with its module."""
    arguments: dict[str, Any]
    """Settings that took effect."""
    device: str


def describe_call(target: Any, arguments: Mapping[str, Any], device: torch.device | str) -> Call:
    """Return the record of a call; `target` is the function, class or instance that did the work.

    Of arguments that are no plain values, only the type is recorded.
    """
    kind = target if hasattr(target, "__qualname__") or hasattr(target, "__name__") else type(target)
    library = kind.__module__.split(".")[0]
    plain = {
        name: value if isinstance(value, int | float | str | None) else type(value).__name__
        for name, value in arguments.items()
    }
    # What is written in C++ may have only a __name__.
    name = getattr(kind, "__qualname__", kind.__name__)
    version = str(getattr(sys.modules[library], "__version__", "unknown"))
    function = f"{kind.__module__}.{name}"
    return Call(library=library, version=version, function=function, arguments=plain, device=str(device))


@dataclass(frozen=True, kw_only=True)
class Transform:
    """A fitted PCA or whitening, `(n, d)` -> `(n, dim)`, and the call that fitted it."""

    apply: Callable[[Tensor], Tensor]
    call: Call

    def __call__(self, data: Tensor) -> Tensor:
        """Transform `(n, d)` to `(n, dim)`."""
        return self.apply(data)


@dataclass(frozen=True, kw_only=True)
class KMeansResult:
    """What k-means found."""

    assignment: Tensor
    """Cluster of each point, `(n,)` int64."""
    centroids: Tensor
    """Centroids, `(k, d)`."""
    split_count: int | None = None
    """How many empty clusters the library refilled on the way; None if it does not say."""
    call: Call | None = None


def variance_floor(largest: float) -> float:
    """Return the smallest variance that a whitening divides by if this is the largest one."""
    return max(EIGENVALUE_FLOOR * largest, SMALLEST_FLOOR)


def compute_objective(points: Tensor, kmeans: KMeansResult) -> float:
    """Return the sum of squared distances of the points to their centroids, in float64."""
    rows = max(1, CHUNK // points.shape[1])
    pairs = zip(points.split(rows), kmeans.assignment.split(rows), strict=True)
    return float(sum(((chunk - kmeans.centroids[ids]).double() ** 2).sum() for chunk, ids in pairs))


def assign_to_nearest(points: Tensor, centroids: Tensor) -> Tensor:
    """Return the nearest centroid `(n,)` of each point `(n, d)`."""
    # |x - c|^2 = |x|^2 - 2 (x c - |c|^2 / 2): the nearest centroid has the largest x c - |c|^2 / 2.
    half = (centroids**2).sum(dim=1) / 2
    rows = max(1, CHUNK // len(centroids))
    return torch.cat([(chunk @ centroids.T - half).argmax(dim=1) for chunk in points.split(rows)])
