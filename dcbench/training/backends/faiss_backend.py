"""Backend faiss: PCAMatrix for PCA and whitening, always on the CPU; Clustering for k-means, on the GPU or the CPU."""

from __future__ import annotations

from functools import cache
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dcbench.training.backends import KMeansResult, Transform, describe_call, variance_floor

TEMPORARY_BYTES = 128 * 2**20
"""Scratch memory on a GPU, instead of the 1.5 GiB that faiss takes by default."""


def fit_pca(features: Tensor, dim: int) -> Transform:
    """Fit an exact PCA by PCAMatrix; faiss raises if there are fewer images than dimensions."""
    return _make_transform(_train(_to_numpy(features), dim), features)


def fit_whitening(reduced: Tensor) -> Transform:
    """Fit PCAMatrix with eigenvalue power -1/2: rotate to the principal axes and scale."""
    matrix = _train(_to_numpy(reduced), reduced.shape[1])
    # PCAMatrix keeps sums of squares; a variance is such a sum over the number of images.
    variances = faiss.vector_to_array(matrix.eigenvalues) / len(reduced)
    faiss.copy_array_to_vector(np.maximum(variances, variance_floor(variances.max())), matrix.eigenvalues)
    matrix.eigen_power = -0.5
    matrix.prepare_Ab()
    return _make_transform(matrix, reduced)


def _train(data: npt.NDArray[np.float32], dim: int) -> faiss.PCAMatrix:
    matrix = faiss.PCAMatrix(data.shape[1], dim)
    # Train on all images: by default faiss takes a sample.
    matrix.max_points_per_d = len(data)
    matrix.train(data)
    return matrix


def _make_transform(matrix: faiss.PCAMatrix, like: Tensor) -> Transform:
    names = ("d_in", "d_out", "eigen_power", "max_points_per_d", "random_rotation")
    call = describe_call(matrix, {name: getattr(matrix, name) for name in names}, "cpu")
    return Transform(apply=lambda data: torch.from_numpy(matrix.apply(_to_numpy(data))).to(like.device), call=call)


def kmeans(points: Tensor, first_centroids: Tensor, iterations: int) -> KMeansResult:
    """Run Lloyd's algorithm on all points; empty clusters are split off large ones on the way, and counted."""
    data, (k, dim) = _to_numpy(points), first_centroids.shape
    clustering = faiss.Clustering(dim, k)
    clustering.niter, clustering.nredo = iterations, 1
    # By default faiss trains on a sample of the points, and warns if there are few of them.
    clustering.min_points_per_centroid, clustering.max_points_per_centroid = 1, len(data)
    faiss.copy_array_to_vector(_to_numpy(first_centroids).ravel(), clustering.centroids)

    # A flat index compares each point with every centroid. It is on the GPU if the points are, and this faiss can.
    on_gpu = points.device.type == "cuda" and hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0
    if on_gpu:
        config = faiss.GpuIndexFlatConfig()
        config.device = points.device.index or 0
        index: faiss.Index = faiss.GpuIndexFlatL2(_gpu_resources(config.device), dim, config)
    else:
        index = faiss.IndexFlatL2(dim)
    clustering.train(data, index)

    # Assign the points to the final centroids, whatever the index holds after the training.
    centroids = faiss.vector_to_array(clustering.centroids).reshape(k, dim)
    index.reset()
    index.add(centroids)
    _, nearest = index.search(data, 1)
    assignment = torch.from_numpy(nearest[:, 0].astype(np.int64))

    stats: Any = clustering.iteration_stats  # a C++ vector; faiss's type stubs call it a list
    split_count = sum(stats.at(step).nsplit for step in range(stats.size()))
    names = ("nredo", "min_points_per_centroid", "max_points_per_centroid", "spherical", "seed")
    arguments = {name: getattr(clustering, name) for name in names}
    arguments |= {"iterations": clustering.niter, "index": type(index).__name__}
    return KMeansResult(
        assignment=assignment.to(points.device),
        centroids=torch.from_numpy(centroids).to(points.device),
        split_count=int(split_count),
        call=describe_call(clustering, arguments, points.device if on_gpu else "cpu"),
    )


def default_pca(features: Tensor, dim: int, seed: int) -> Transform:
    """Fit PCAMatrix whitening by eigen_power -1/2, without a floor; it trains on 1,000 images per dimension."""
    matrix = faiss.PCAMatrix(features.shape[1], dim, -0.5)
    matrix.train(_to_numpy(features))
    return _make_transform(matrix, features)


def default_kmeans(points: Tensor, k: int, seed: int) -> Tensor:
    """Run faiss.Kmeans: random first centroids, 25 iterations on the CPU, at most 256 random points per cluster."""
    # A lower number of points per centroid than faiss's own only keeps it from warning.
    clustering = faiss.Kmeans(points.shape[1], k, seed=seed, min_points_per_centroid=1)
    clustering.train(_to_numpy(points))
    return torch.from_numpy(clustering.assign(_to_numpy(points))[1]).to(points.device)


@cache
def _gpu_resources(device: int) -> faiss.StandardGpuResources:
    """Return streams, handles and scratch memory of a GPU, made once: making them takes longer than a small k-means."""
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(TEMPORARY_BYTES)
    resources.setPinnedMemory(0)
    return resources


def _to_numpy(data: Tensor) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(data.cpu().numpy(), dtype=np.float32)
