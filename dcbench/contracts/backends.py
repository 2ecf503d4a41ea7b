"""What every backend must do: exact PCA and whitening, and k-means from the centroids that it is given."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from dcbench import registry
from dcbench.training import backends


def blobs(count: int = 600, dims: int = 24, groups: int = 6, seed: int = 0) -> Tensor:
    """Return `(count, dims)` float32: separated groups in directions of falling variance, away from the origin."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, dims)) * 4
    data = centres[rng.integers(0, groups, count)] + rng.normal(size=(count, dims)) * np.linspace(2, 0.2, dims) + 3
    return torch.from_numpy(data.astype(np.float32))


def module_of(backend: str) -> ModuleType:
    """Import the backend."""
    return registry.load("backends", backend)


def check_pca(backend: str, folder: Path) -> None:
    """PCA gives the exact principal components, up to their sign, as float32."""
    data = blobs()
    reduced = module_of(backend).fit_pca(data, 5)(data)
    assert reduced.shape == (600, 5), f"shape {tuple(reduced.shape)}, expected (600, 5)"
    assert reduced.dtype == torch.float32, f"{reduced.dtype}, expected float32"
    left, singular, _ = np.linalg.svd(data.double().numpy() - data.double().numpy().mean(0), full_matrices=False)
    for axis in range(5):
        exact, ours = left[:, axis] * singular[axis], reduced[:, axis].double().numpy()
        error = min(np.abs(ours - exact).max(), np.abs(ours + exact).max()) / np.abs(exact).max()
        assert error < 2e-3, f"component {axis} differs from the exact one by {error:.1e} of its largest value"


def check_few_images(backend: str, folder: Path) -> None:
    """PCA works with fewer images than features, and centres them."""
    data = blobs(count=15, dims=40)
    reduced = module_of(backend).fit_pca(data, 10)(data)
    assert reduced.shape == (15, 10), f"shape {tuple(reduced.shape)}, expected (15, 10)"
    assert torch.isfinite(reduced).all(), "values that are not finite"
    assert torch.allclose(reduced.mean(0), torch.zeros(10), atol=1e-3), "the reduced features are not centred"


def check_whitening(backend: str, folder: Path) -> None:
    """Whitening makes the covariance the identity."""
    data = blobs()
    covariance = torch.cov(module_of(backend).fit_whitening(data)(data).double().T)
    error = float((covariance - torch.eye(24).double()).abs().max())
    assert error < 0.01, f"the covariance differs from the identity by {error:.3g}"


def check_dead_dimensions(backend: str, folder: Path) -> None:
    """Whitening does not blow up dimensions without variance."""
    data = blobs(dims=6)
    data[:, 3], data[:, 4] = 0, data[:, 5]
    whitened = module_of(backend).fit_whitening(data)(data)
    assert torch.isfinite(whitened).all(), "values that are not finite"
    assert whitened.abs().max() < 100, f"a value of {float(whitened.abs().max()):.3g}: floor the small eigenvalues"


def check_collapsed_features(backend: str, folder: Path) -> None:
    """Features that are all equal go through every stage."""
    for value in (0.0, 3.0):
        module, data = module_of(backend), torch.full((50, 12), value)
        reduced = module.fit_pca(data, 4)(data)
        points = torch.nn.functional.normalize(module.fit_whitening(reduced)(reduced))
        kmeans = module.kmeans(points, points[:3].clone(), 5)
        for tensor in (reduced, points, kmeans.centroids):
            assert torch.isfinite(tensor).all(), "values that are not finite"
        assert 0 <= kmeans.assignment.min() <= kmeans.assignment.max() < 3, "cluster ids outside 0..k-1"


def check_other_images(backend: str, folder: Path) -> None:
    """A transform that was fitted on some images applies to others."""
    data, other = blobs(), blobs(count=7, seed=1)
    for transform in (module_of(backend).fit_pca(data, 5), module_of(backend).fit_whitening(data)):
        together = transform(torch.cat([data, other]))
        assert torch.allclose(transform(other), together[-7:], atol=1e-4), "other images are transformed in another way"


def check_nearest(backend: str, folder: Path) -> None:
    """K-means assigns each point to its nearest centroid, as int64."""
    points = blobs()
    kmeans = module_of(backend).kmeans(points, points[:6].clone(), 20)
    assert kmeans.assignment.shape == (600,), f"assignment {tuple(kmeans.assignment.shape)}, expected (600,)"
    assert kmeans.assignment.dtype == torch.int64, f"assignment {kmeans.assignment.dtype}, expected int64"
    assert kmeans.centroids.shape == (6, 24), f"centroids {tuple(kmeans.centroids.shape)}, expected (6, 24)"
    nearest = torch.cdist(points.double(), kmeans.centroids.double()).argmin(1)
    share = float((nearest == kmeans.assignment).float().mean())
    assert share > 0.999, f"only {share:.1%} of the points are at their nearest centroid"


def check_iterations(backend: str, folder: Path) -> None:
    """K-means does as many iterations of Lloyd's algorithm as it is told, from the centroids that it is given."""
    points = blobs(groups=40)
    for iterations in (1, 3):
        centroids = points[:8].double()
        for _ in range(iterations):
            ids = torch.cdist(points.double(), centroids).argmin(1)
            centroids = torch.stack([points.double()[ids == label].mean(0) for label in range(8)])
        kmeans = module_of(backend).kmeans(points, points[:8].clone(), iterations)
        error = float((kmeans.centroids.double() - centroids).abs().max())
        assert error < 1e-3, f"after {iterations} iterations the centroids differ by {error:.3g} from Lloyd's algorithm"


def check_duplicate_centroids(backend: str, folder: Path) -> None:
    """K-means survives first centroids that are all the same point."""
    points = blobs()
    kmeans = module_of(backend).kmeans(points, points[:1].repeat(5, 1), 10)
    assert torch.isfinite(kmeans.centroids).all(), "centroids that are not finite"
    assert kmeans.split_count is None or kmeans.split_count > 0, "split_count counts the clusters split, or is None"


def check_agreement(backend: str, folder: Path) -> None:
    """K-means agrees with the torch backend from the same matrix and the same first centroids."""
    points = blobs(count=2000, groups=10)
    ours, reference = (module_of(name).kmeans(points, points[:10].clone(), 20) for name in (backend, "torch"))
    ari = adjusted_rand_score(ours.assignment, reference.assignment)
    assert ari > 0.95, f"ARI {ari:.3f} with the torch backend, expected above 0.95"
    ratio = float(backends.compute_objective(points, ours) / backends.compute_objective(points, reference))
    assert abs(ratio - 1) < 1e-3, f"the objective is {ratio:.4f} of the torch backend's"


def check_library_defaults(backend: str, folder: Path) -> None:
    """The library's own defaults, where the backend offers them, follow their seed."""
    module = module_of(backend)
    if not hasattr(module, "default_pca"):
        return
    data = blobs(count=1000, dims=80, groups=30)
    reduced = module.default_pca(data, 5, 0)(data)
    assert reduced.shape == (1000, 5), f"shape {tuple(reduced.shape)}, expected (1000, 5)"
    deviation = reduced.std(dim=0)
    assert deviation.max() / deviation.min() < 1.05, "default_pca does not whiten"
    first, same, other = (module.default_kmeans(reduced, 30, seed) for seed in (0, 0, 1))
    assert first.shape == (1000,), f"assignment {tuple(first.shape)}, expected (1000,)"
    assert torch.equal(first, same), "one seed gives two results"
    assert not torch.equal(first, other), "two seeds give one result"
