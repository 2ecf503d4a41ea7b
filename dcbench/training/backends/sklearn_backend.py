"""scikit-learn: PCA (`covariance_eigh`) for PCA and whitening, KMeans (`lloyd`) for k-means, on the CPU."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.cluster import KMeans as LloydKMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from dcbench.training.backends import KMeans, Transform, call_of, variance_floor


def fit_pca(features: Tensor, dim: int) -> Transform:
    """Exact PCA: `svd_solver="auto"` would pick the randomized one, up to 1.5 rad off. float64 for the eigenproblem."""
    return _transform(_fitted(PCA(dim, svd_solver="covariance_eigh"), features), features)


def fit_whitening(reduced: Tensor) -> Transform:
    """PCA with `whiten=True`, its variances floored by the rule of all backends."""
    pca = _fitted(PCA(reduced.shape[1], whiten=True, svd_solver="covariance_eigh"), reduced)
    floor = variance_floor(pca.explained_variance_.max())
    pca.explained_variance_ = np.maximum(pca.explained_variance_, floor)
    return _transform(pca, reduced)


def _fitted(pca: PCA, data: Tensor) -> PCA:
    with np.errstate(invalid="ignore"):  # collapsed features have no variance, and no shares of it that we would use
        return pca.fit(_float64(data))


def _transform(pca: PCA, like: Tensor) -> Transform:
    call = call_of(pca, pca.get_params() | {"n_components": int(pca.n_components_)}, "cpu")
    return Transform(
        lambda data: torch.from_numpy(pca.transform(_float64(data)).astype(np.float32)).to(like.device), call
    )


def kmeans(points: Tensor, first: Tensor, iterations: int) -> KMeans:
    """Lloyd's algorithm; empty clusters move to far points inside the iterations, which are not counted."""
    data = points.cpu().numpy()
    run = LloydKMeans(len(first), init=first.cpu().numpy(), n_init=1, max_iter=iterations, tol=0, algorithm="lloyd")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer clusters than k: counted and refilled afterwards
        assignment = run.fit_predict(data)
    centroids = torch.from_numpy(run.cluster_centers_.astype(np.float32))
    call = call_of(run, run.get_params() | {"iterations": run.max_iter}, "cpu")
    found = torch.from_numpy(assignment.astype(np.int64))
    return KMeans(found.to(points.device), centroids.to(points.device), None, call)


def default_pca(features: Tensor, dim: int, seed: int) -> Transform:
    """PCA with `svd_solver="auto"`: mostly the randomized solver, where more than 1,000 features are cut to few."""
    return _transform(PCA(dim, whiten=True, random_state=seed).fit(features.cpu().numpy()), features)


def default_kmeans(points: Tensor, k: int, seed: int) -> Tensor:
    """KMeans as it comes: k-means++, one start, at most 300 iterations, a tolerance."""
    assignment = LloydKMeans(k, random_state=seed).fit_predict(points.cpu().numpy())
    return torch.from_numpy(assignment.astype(np.int64)).to(points.device)


def _float64(data: Tensor) -> np.ndarray:
    return data.cpu().numpy().astype(np.float64)
