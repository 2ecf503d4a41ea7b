"""faiss: PCAMatrix for PCA and whitening (on the CPU, as faiss has it), Clustering for k-means (GPU or CPU)."""

from __future__ import annotations

from functools import cache

import faiss
import numpy as np
import torch
from torch import Tensor

from dcbench.training.backends import KMeans, Transform, call_of, variance_floor

TEMPORARY_BYTES = 128 * 2**20
"""Scratch memory on the GPU, instead of the 1.5 GiB that faiss takes unless told otherwise."""


def fit_pca(features: Tensor, dim: int) -> Transform:
    """Exact PCA by PCAMatrix; raises where faiss does, with fewer images than dimensions asked for."""
    return _transform(_trained(_numpy(features), dim), features)


def fit_whitening(reduced: Tensor) -> Transform:
    """PCAMatrix with eigenvalue power -1/2: rotated to the principal axes and scaled."""
    matrix = _trained(_numpy(reduced), reduced.shape[1])
    # PCAMatrix sums squares where a variance divides by the number of images
    variances = faiss.vector_to_array(matrix.eigenvalues) / len(reduced)
    faiss.copy_array_to_vector(np.maximum(variances, variance_floor(variances.max())), matrix.eigenvalues)
    matrix.eigen_power = -0.5
    matrix.prepare_Ab()
    return _transform(matrix, reduced)


def _trained(data: np.ndarray, dim: int) -> faiss.PCAMatrix:
    matrix = faiss.PCAMatrix(data.shape[1], dim)
    matrix.max_points_per_d = len(data)  # all images: the default would train on a sample
    matrix.train(data)
    return matrix


def _transform(matrix: faiss.PCAMatrix, like: Tensor) -> Transform:
    told = ("d_in", "d_out", "eigen_power", "max_points_per_d", "random_rotation")
    call = call_of(matrix, {name: getattr(matrix, name) for name in told}, "cpu")
    return Transform(lambda data: torch.from_numpy(matrix.apply(_numpy(data))).to(like.device), call)


def kmeans(points: Tensor, first: Tensor, iterations: int) -> KMeans:
    """Lloyd's algorithm on all points; empty clusters are split off large ones inside the iterations, and counted."""
    data, (k, dim) = _numpy(points), first.shape
    run = faiss.Clustering(dim, k)
    run.niter, run.nredo = iterations, 1
    run.min_points_per_centroid, run.max_points_per_centroid = 1, len(data)
    faiss.copy_array_to_vector(_numpy(first).ravel(), run.centroids)
    index = _index(dim, points.device)
    run.train(data, index)
    centroids = faiss.vector_to_array(run.centroids).reshape(k, dim)
    index.reset()
    index.add(centroids)
    _, nearest = index.search(data, 1)
    split = sum(run.iteration_stats.at(step).nsplit for step in range(run.iteration_stats.size()))
    assignment = torch.from_numpy(nearest[:, 0].astype(np.int64))
    told = ("nredo", "min_points_per_centroid", "max_points_per_centroid", "spherical", "seed")
    arguments = {name: getattr(run, name) for name in told} | {
        "iterations": run.niter,
        "index": type(index).__name__,
    }
    call = call_of(run, arguments, points.device if "Gpu" in type(index).__name__ else "cpu")
    return KMeans(assignment.to(points.device), torch.from_numpy(centroids).to(points.device), int(split), call)


def default_pca(features: Tensor, dim: int, seed: int) -> Transform:
    """PCAMatrix whitening by eigen_power -1/2, without a floor; it trains on 1,000 images a dimension."""
    matrix = faiss.PCAMatrix(features.shape[1], dim, -0.5)
    matrix.train(_numpy(features))
    return _transform(matrix, features)


def default_kmeans(points: Tensor, k: int, seed: int) -> Tensor:
    """faiss.Kmeans: random points first, 25 iterations on the CPU, 256 random points a cluster where there are more."""
    run = faiss.Kmeans(points.shape[1], k, seed=seed, min_points_per_centroid=1)  # fewer only make it warn
    run.train(_numpy(points))
    return torch.from_numpy(run.assign(_numpy(points))[1]).to(points.device)


def _index(dim: int, device: torch.device) -> faiss.Index:
    """A flat L2 index, on the GPU when the points are there and this faiss can."""
    if device.type != "cuda" or not hasattr(faiss, "StandardGpuResources") or faiss.get_num_gpus() == 0:
        return faiss.IndexFlatL2(dim)
    config = faiss.GpuIndexFlatConfig()
    config.device = device.index or 0
    return faiss.GpuIndexFlatL2(_resources(config.device), dim, config)


@cache
def _resources(device: int) -> faiss.StandardGpuResources:
    """Streams, handles and scratch memory of a GPU, made once: they take longer than a small k-means."""
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(TEMPORARY_BYTES)
    resources.setPinnedMemory(0)
    return resources


def _numpy(data: Tensor) -> np.ndarray:
    return np.ascontiguousarray(data.cpu().numpy(), dtype=np.float32)
