"""Backend sklearn: PCA (solver `covariance_eigh`) for PCA and whitening, KMeans (`lloyd`) for k-means, on the CPU."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from dcbench.training.backends import KMeansResult, Transform, describe_call, variance_floor


def fit_pca(features: Tensor, dim: int) -> Transform:
    """Fit an exact PCA in float64."""
    # svd_solver="auto" would choose the randomized solver, whose subspace is off by up to 1.5 rad.
    return _make_transform(_fit(PCA(dim, svd_solver="covariance_eigh"), features), features)


def fit_whitening(reduced: Tensor) -> Transform:
    """Fit a PCA with `whiten=True`, and floor its variances by the rule of all backends."""
    pca = _fit(PCA(reduced.shape[1], whiten=True, svd_solver="covariance_eigh"), reduced)
    floor = variance_floor(pca.explained_variance_.max())
    pca.explained_variance_ = np.maximum(pca.explained_variance_, floor)
    return _make_transform(pca, reduced)


def _fit(pca: PCA, data: Tensor) -> PCA:
    # Collapsed features have no variance: scikit-learn then computes shares of it as 0 / 0, which nothing here reads.
    with np.errstate(invalid="ignore"):
        return pca.fit(_to_float64(data))


def _make_transform(pca: PCA, like: Tensor) -> Transform:
    call = describe_call(pca, pca.get_params() | {"n_components": int(pca.n_components_)}, "cpu")
    return Transform(
        apply=lambda data: torch.from_numpy(pca.transform(_to_float64(data)).astype(np.float32)).to(like.device),
        call=call,
    )


def kmeans(points: Tensor, first_centroids: Tensor, iterations: int) -> KMeansResult:
    """Run Lloyd's algorithm; empty clusters move to far points on the way, and scikit-learn does not count them."""
    k, init = len(first_centroids), first_centroids.cpu().numpy()
    estimator = KMeans(k, init=init, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd")
    with warnings.catch_warnings():
        # It warns of fewer clusters than k; dcbench counts and refills those afterwards.
        warnings.simplefilter("ignore", ConvergenceWarning)
        assignment = torch.from_numpy(estimator.fit_predict(points.cpu().numpy()).astype(np.int64))
    centroids = torch.from_numpy(estimator.cluster_centers_.astype(np.float32))
    call = describe_call(estimator, estimator.get_params() | {"iterations": estimator.max_iter}, "cpu")
    return KMeansResult(assignment=assignment.to(points.device), centroids=centroids.to(points.device), call=call)


def default_pca(features: Tensor, dim: int, seed: int) -> Transform:
    """Fit a PCA with `svd_solver="auto"`: mostly the randomized solver if over 1,000 features are reduced to few."""
    return _make_transform(PCA(dim, whiten=True, random_state=seed).fit(features.cpu().numpy()), features)


def default_kmeans(points: Tensor, k: int, seed: int) -> Tensor:
    """Run KMeans with its default settings: k-means++, one start, at most 300 iterations, a tolerance."""
    assignment = KMeans(k, random_state=seed).fit_predict(points.cpu().numpy())
    return torch.from_numpy(assignment.astype(np.int64)).to(points.device)


def _to_float64(data: Tensor) -> npt.NDArray[np.float64]:
    array: npt.NDArray[np.float64] = data.cpu().numpy().astype(np.float64)
    return array
