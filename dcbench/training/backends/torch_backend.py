"""torch: covariance and eigenvectors for PCA and whitening, Lloyd's algorithm for k-means, on the features' device."""

from __future__ import annotations

import torch
from torch import Tensor

from dcbench.training.backends import KMeans, Transform, call_of, nearest, variance_floor


def fit_pca(features: Tensor, dim: int) -> Transform:
    """Covariance in float32, its eigenvectors in float64."""
    mean, _, axes = _principal_axes(features, dim)
    return _transform(mean, axes)


def fit_whitening(reduced: Tensor) -> Transform:
    """Rotation to the principal axes, each divided by its deviation."""
    mean, variances, axes = _principal_axes(reduced, reduced.shape[1])
    scaled = axes / variances.clamp_min(variance_floor(float(variances.max()))).sqrt().float()
    return _transform(mean, scaled)


def _transform(mean: Tensor, axes: Tensor) -> Transform:
    arguments = {"dtype": "float64", "dim": axes.shape[1]}
    return Transform(lambda data: (data - mean) @ axes, call_of(torch.linalg.eigh, arguments, axes.device))


def _principal_axes(data: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean `(d,)`, leading variances `(dim,)` float64 and axes `(d, dim)` float32, largest first."""
    mean = data.double().mean(dim=0).float()
    centred = data - mean
    variances, axes = torch.linalg.eigh((centred.T @ centred).double() / (len(data) - 1))
    return mean, variances.flip(0)[:dim], axes.flip(1)[:, :dim].float().contiguous()


def kmeans(points: Tensor, first: Tensor, iterations: int) -> KMeans:
    """Lloyd's algorithm; an empty cluster moves to the point farthest from its centroid, and is counted."""
    centroids, split = first.clone(), 0
    assignment, distance = _nearest(points, centroids)
    for _ in range(iterations):
        centroids, moved = _means(points, assignment, distance, len(first))
        split += moved
        before = assignment
        assignment, distance = _nearest(points, centroids)
        if torch.equal(before, assignment):
            break
    call = call_of(points, {"algorithm": "lloyd", "iterations": iterations}, points.device)
    return KMeans(assignment, centroids, split, call)


def _nearest(points: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest centroid `(n,)` of each point, and the squared distance `(n,)`."""
    assignment = nearest(points, centroids)
    return assignment, ((points - centroids[assignment]) ** 2).sum(dim=1)


def _means(points: Tensor, assignment: Tensor, distance: Tensor, k: int) -> tuple[Tensor, int]:
    """Each cluster's mean, summed in float64; empty clusters take the farthest points, one each."""
    sums = torch.zeros(k, points.shape[1], dtype=torch.float64, device=points.device)
    sums.index_add_(0, assignment, points.double())
    sizes = torch.bincount(assignment, minlength=k)
    means = (sums / sizes.clamp_min(1)[:, None]).float()
    empty = torch.nonzero(sizes == 0)[:, 0]
    if len(empty):
        means[empty] = points[distance.topk(len(empty)).indices]
    return means, len(empty)
