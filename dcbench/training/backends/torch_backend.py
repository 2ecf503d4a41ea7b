"""Backend torch: PCA and whitening by the covariance's eigenvectors, Lloyd's algorithm, on the features' device."""

from __future__ import annotations

import torch
from torch import Tensor

from dcbench.training.backends import KMeansResult, Transform, assign_to_nearest, describe_call, variance_floor


def fit_pca(features: Tensor, dim: int) -> Transform:
    """Fit a PCA: the covariance in float32, its eigenvectors in float64."""
    mean, _, axes = _find_principal_axes(features, dim)
    return _make_transform(mean, axes)


def fit_whitening(reduced: Tensor) -> Transform:
    """Fit a whitening: rotate to the principal axes, and divide each by its deviation."""
    mean, variances, axes = _find_principal_axes(reduced, reduced.shape[1])
    scaled = axes / variances.clamp_min(variance_floor(float(variances.max()))).sqrt().float()
    return _make_transform(mean, scaled)


def _make_transform(mean: Tensor, axes: Tensor) -> Transform:
    arguments = {"dtype": "float64", "dim": axes.shape[1]}
    call = describe_call(torch.linalg.eigh, arguments, axes.device)
    return Transform(apply=lambda data: (data - mean) @ axes, call=call)


def _find_principal_axes(data: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean `(d,)`, the variances `(dim,)` float64 and the axes `(d, dim)` float32, largest first."""
    mean = data.double().mean(dim=0).float()
    centred = data - mean
    # The product is the expensive part, and float32 is enough for it; the eigenvectors need float64.
    variances, axes = torch.linalg.eigh((centred.T @ centred).double() / (len(data) - 1))
    # eigh sorts by ascending eigenvalue.
    return mean, variances.flip(0)[:dim], axes.flip(1)[:, :dim].float().contiguous()


def kmeans(points: Tensor, first_centroids: Tensor, iterations: int) -> KMeansResult:
    """Run Lloyd's algorithm; an empty cluster moves to the point farthest from its centroid, and is counted."""
    k, centroids, split_count = len(first_centroids), first_centroids.clone(), 0
    assignment, distances = _assign(points, centroids)
    for _ in range(iterations):
        # Move each centroid to the mean of its cluster, summed in float64.
        sums = torch.zeros(k, points.shape[1], dtype=torch.float64, device=points.device)
        sums.index_add_(0, assignment, points.double())
        sizes = torch.bincount(assignment, minlength=k)
        centroids = (sums / sizes.clamp_min(1)[:, None]).float()
        # The empty clusters take the farthest points, one each.
        empty = torch.nonzero(sizes == 0)[:, 0]
        if len(empty):
            centroids[empty] = points[distances.topk(len(empty)).indices]
        split_count += len(empty)
        previous = assignment
        assignment, distances = _assign(points, centroids)
        # No point has moved, so no further iteration can change anything.
        if torch.equal(previous, assignment):
            break
    call = describe_call(points, {"algorithm": "lloyd", "iterations": iterations}, points.device)
    return KMeansResult(assignment=assignment, centroids=centroids, split_count=split_count, call=call)


def _assign(points: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest centroid `(n,)` of each point, and the squared distance to it `(n,)`."""
    assignment = assign_to_nearest(points, centroids)
    return assignment, ((points - centroids[assignment]) ** 2).sum(dim=1)
