"""Every backend keeps the contract of its kind, and all of them agree, so that comparing them is valid."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from dcbench import registry
from dcbench.training import backends

BACKENDS = registry.plugin_names("backends")


def blobs(n=600, d=24, groups=6, seed=0):
    """Return well separated groups away from the origin, with decreasing variance from one dimension to the next."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, d)) * 4
    data = centres[rng.integers(0, groups, n)] + rng.normal(size=(n, d)) * np.linspace(2, 0.2, d) + 3
    return torch.from_numpy(data.astype(np.float32))


def test_there_are_backends():
    assert BACKENDS


@pytest.mark.parametrize("name", BACKENDS)
def test_pca_is_exact(name):
    data = blobs()
    reduced = registry.load("backends", name).fit_pca(data, 5)(data)
    assert reduced.shape == (600, 5) and reduced.dtype == torch.float32
    exact = np.linalg.svd(data.double().numpy() - data.double().numpy().mean(0), full_matrices=False)
    for axis in range(5):
        theirs, ours = exact[0][:, axis] * exact[1][axis], reduced[:, axis].double().numpy()
        assert min(np.abs(ours - theirs).max(), np.abs(ours + theirs).max()) < 2e-3 * np.abs(theirs).max()


@pytest.mark.parametrize("name", BACKENDS)
def test_pca_with_fewer_images_than_features(name):
    data = blobs(n=15, d=40)
    reduced = registry.load("backends", name).fit_pca(data, 10)(data)
    assert reduced.shape == (15, 10) and torch.isfinite(reduced).all()
    assert torch.allclose(reduced.mean(0), torch.zeros(10), atol=1e-3)


@pytest.mark.parametrize("name", BACKENDS)
def test_whitening_makes_the_covariance_the_identity(name):
    data = blobs()
    whitened = registry.load("backends", name).fit_whitening(data)(data)
    covariance = torch.cov(whitened.double().T)
    assert torch.allclose(covariance, torch.eye(24).double(), atol=0.01)


@pytest.mark.parametrize("name", BACKENDS)
def test_whitening_keeps_dimensions_without_variance_finite(name):
    data = blobs(d=6)
    data[:, 3] = 0
    data[:, 4] = data[:, 5]
    whitened = registry.load("backends", name).fit_whitening(data)(data)
    assert torch.isfinite(whitened).all()
    assert whitened.abs().max() < 100


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_equal_features_pass_through_every_stage(name, value):
    backend, data = registry.load("backends", name), torch.full((50, 12), value)
    reduced = backend.fit_pca(data, 4)(data)
    points = torch.nn.functional.normalize(backend.fit_whitening(reduced)(reduced))
    result = backend.kmeans(points, points[:3].clone(), 5)
    for tensor in (reduced, points, result.centroids):
        assert torch.isfinite(tensor).all()
    assert result.assignment.min() >= 0 and result.assignment.max() < 3


@pytest.mark.parametrize("name", BACKENDS)
def test_transforms_fitted_on_one_set_apply_to_another(name):
    data, other = blobs(), blobs(n=7, seed=1)
    backend = registry.load("backends", name)
    for transform in (backend.fit_pca(data, 5), backend.fit_whitening(data)):
        together = transform(torch.cat([data, other]))
        assert torch.allclose(transform(other), together[-7:], atol=1e-4)


@pytest.mark.parametrize("name", BACKENDS)
def test_kmeans_returns_the_nearest_centroids(name):
    points = blobs()
    result = registry.load("backends", name).kmeans(points, points[:6].clone(), 20)
    assert result.assignment.shape == (600,) and result.assignment.dtype == torch.int64
    assert result.centroids.shape == (6, 24)
    nearest = torch.cdist(points.double(), result.centroids.double()).argmin(1)
    assert (nearest == result.assignment).float().mean() > 0.999


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("iterations", [1, 3])
def test_kmeans_runs_exactly_the_given_iterations(name, iterations):
    points = blobs(groups=40)
    result = registry.load("backends", name).kmeans(points, points[:8].clone(), iterations)
    centroids = points[:8].double()
    for _ in range(iterations):
        ids = torch.cdist(points.double(), centroids).argmin(1)
        centroids = torch.stack([points.double()[ids == label].mean(0) for label in range(8)])
    assert torch.allclose(result.centroids.double(), centroids, atol=1e-3)


@pytest.mark.parametrize("name", BACKENDS)
def test_kmeans_accepts_duplicate_first_centroids(name):
    points = blobs()
    result = registry.load("backends", name).kmeans(points, points[:1].repeat(5, 1), 10)
    assert torch.isfinite(result.centroids).all()
    assert result.split_count is None or result.split_count > 0


@pytest.mark.parametrize("pair", list(itertools.combinations(BACKENDS, 2)), ids="-".join)
def test_backends_agree_from_the_same_matrix_and_the_same_first_centroids(pair):
    points = blobs(n=2000, groups=10)
    first, second = (registry.load("backends", name).kmeans(points, points[:10].clone(), 20) for name in pair)
    assert adjusted_rand_score(first.assignment, second.assignment) > 0.95
    assert backends.compute_objective(points, first) == pytest.approx(
        backends.compute_objective(points, second), rel=1e-3
    )


@pytest.mark.parametrize("name", [name for name in BACKENDS if hasattr(registry.load("backends", name), "default_pca")])
def test_library_defaults_depend_on_the_seed_only(name):
    data, backend = blobs(n=1000, d=80, groups=30), registry.load("backends", name)
    reduced = backend.default_pca(data, 5, 0)(data)
    assert reduced.shape == (1000, 5) and reduced.dtype == torch.float32
    spreads = reduced.std(dim=0)
    assert spreads.max() / spreads.min() < 1.05, "whitened up to a common scale"
    result = [backend.default_kmeans(reduced, 30, seed) for seed in (0, 0, 1)]
    assert result[0].shape == (1000,) and result[0].dtype == torch.int64 and len(result[0].unique()) == 30
    assert torch.equal(result[0], result[1]) and not torch.equal(result[0], result[2])


@pytest.mark.gpu
@pytest.mark.parametrize("name", BACKENDS)
def test_results_are_on_the_device_of_the_features(name):
    data = blobs().cuda()
    backend = registry.load("backends", name)
    reduced = backend.fit_whitening(backend.fit_pca(data, 5)(data))(data[:, :5])
    result = backend.kmeans(reduced, reduced[:4].clone(), 5)
    assert {reduced.device.type, result.assignment.device.type, result.centroids.device.type} == {"cuda"}


def test_the_objective_is_the_sum_of_squares():
    points = torch.tensor([[0.0], [1.0], [5.0]])
    result = backends.KMeansResult(assignment=torch.tensor([0, 0, 1]), centroids=torch.tensor([[0.0], [4.0]]))
    assert backends.compute_objective(points, result) == 2.0
