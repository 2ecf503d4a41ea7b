import itertools

import numpy as np
import pytest
import torch

from dcbench import registry
from dcbench.core.spec import make_spec
from dcbench.training.backends import KMeansResult
from dcbench.training.costs import StageClock
from dcbench.training.deepcluster import pseudo_labels
from dcbench.training.deepcluster.pseudo_labels import (
    PERTURBATION,
    draw_first_centroids,
    preprocess,
    refill_empty_clusters,
)

CPU = torch.device("cpu")
FEATURES = torch.randn(200, 30, generator=torch.Generator().manual_seed(0)) + 2
BACKENDS = registry.plugin_names("backends")


def cluster(features, spec, row, clock):
    return pseudo_labels.cluster(preprocess(features, spec, clock), spec, row, clock)


@pytest.mark.parametrize("combination", list(itertools.product(BACKENDS, repeat=3)), ids="-".join)
def test_every_combination_of_backends_clusters(combination):
    stages = dict(zip(("pca_backend", "whiten_backend", "kmeans_backend"), combination, strict=True))
    result = cluster(FEATURES, make_spec({"pca_dim": 10, "k": 5} | stages), 0, StageClock(CPU))
    assert result.assignment.shape == (200,) and set(result.assignment) == set(range(5))
    assert result.centroids.shape == (5, 10)


def test_first_centroids_are_the_same_points_for_every_backend():
    chosen = [draw_first_centroids(200, make_spec({"backend": name}), 3, 1) for name in BACKENDS]
    assert all((indices == chosen[0]).all() for indices in chosen)
    assert len(set(chosen[0])) == 10
    for other in (
        draw_first_centroids(200, make_spec({}), 4, 1),
        draw_first_centroids(200, make_spec({"seed": 1}), 3, 1),
    ):
        assert (other != chosen[0]).any()


def test_each_stage_changes_the_points(monkeypatch):
    calls = {}

    def kmeans(points, first, iterations):
        calls["points"], calls["iterations"] = points, iterations
        return KMeansResult(assignment=torch.arange(len(points)) % len(first), centroids=first)

    monkeypatch.setattr(registry.load("backends", "torch"), "kmeans", kmeans)
    base = {"pca_dim": 10, "k": 5, "backend": "torch"}
    cluster(FEATURES, make_spec(base), 0, StageClock(CPU))
    assert torch.allclose(calls["points"].norm(dim=1), torch.ones(200))
    cluster(FEATURES, make_spec(base | {"l2_normalize": False, "kmeans_iterations": 7}), 0, StageClock(CPU))
    assert torch.allclose(torch.cov(calls["points"].T), torch.eye(10), atol=1e-3) and calls["iterations"] == 7
    cluster(FEATURES, make_spec(base | {"l2_normalize": False, "whiten": False, "pca_dim": 4}), 0, StageClock(CPU))
    variances = torch.cov(calls["points"].T).diagonal()
    assert calls["points"].shape == (200, 4) and variances[0] > 1.1 * variances[3]


def test_the_restart_with_the_best_objective_is_used():
    from dcbench.training import backends

    spec = make_spec({"k": 8, "kmeans_restarts": 6, "kmeans_backend": "torch"})
    best = pseudo_labels.run_kmeans(FEATURES, [draw_first_centroids(200, spec, 0, start) for start in range(6)], spec)
    each = [
        registry.load("backends", "torch").kmeans(FEATURES, FEATURES[draw_first_centroids(200, spec, 0, start)], 20)
        for start in range(6)
    ]
    objectives = [backends.compute_objective(FEATURES, kmeans) for kmeans in each]
    assert backends.compute_objective(FEATURES, best) == min(objectives) < max(objectives)


def test_the_clock_measures_each_stage():
    watch = StageClock(CPU)
    cluster(FEATURES, make_spec({"pca_dim": 10}), 0, watch)
    assert set(watch.take()) == {"pca", "whiten", "kmeans"}
    cluster(FEATURES, make_spec({"pca_dim": 10, "whiten": False}), 0, watch)
    assert set(watch.take()) == {"pca", "kmeans"}


def test_empty_clusters_are_refilled_by_the_published_rule():
    points = torch.cat([torch.randn(90, 4), torch.randn(10, 4) + 50])
    assignment = np.repeat([0, 2], [90, 10])
    centroids = torch.stack([points[:90].mean(0), torch.zeros(4), points[90:].mean(0), torch.zeros(4)])
    result = refill_empty_clusters(
        points,
        KMeansResult(assignment=torch.from_numpy(assignment), centroids=centroids),
        np.random.default_rng(0),
    )
    assert result.refilled_count == 2
    assert (np.bincount(result.assignment, minlength=4) > 0).all()
    assert (assignment == np.repeat([0, 2], [90, 10])).all(), "the caller's array is left alone"


def test_the_two_centroids_of_a_split_cluster_differ_by_the_perturbation():
    points = torch.ones(10, 2) * 3
    result = refill_empty_clusters(
        points,
        KMeansResult(assignment=torch.zeros(10), centroids=torch.tensor([[3.0, 3.0], [0.0, 0.0]])),
        np.random.default_rng(0),
    )
    assert torch.allclose(result.centroids[1], torch.tensor([3 * (1 + PERTURBATION), 3 * (1 - PERTURBATION)]))
    assert torch.allclose(result.centroids[0], torch.tensor([3 * (1 - PERTURBATION), 3 * (1 + PERTURBATION)]))
    assert np.bincount(result.assignment).tolist() == [5, 5], "half of the equal points go to each centroid"


def test_large_clusters_are_chosen_in_proportion_to_their_size():
    donors = []
    assignment = np.repeat([0, 1, 2], [60, 39, 1])
    points = torch.randn(100, 2)
    for seed in range(300):
        result = refill_empty_clusters(
            points,
            KMeansResult(assignment=torch.from_numpy(assignment), centroids=torch.randn(4, 2)),
            np.random.default_rng(seed),
        )
        donors.append(int(assignment[result.assignment == 3][0]))
    shares = np.bincount(donors, minlength=3) / 300
    assert shares[2] == 0, "a cluster with a single image cannot be split"
    assert 0.5 < shares[0] < 0.7


SPREAD_FEATURES = torch.from_numpy(
    np.random.default_rng(0).normal(size=(90, 6)).astype(np.float32) * [1, 2, 3, 4, 5, 6] + 2
)
SPREAD_FEATURES = SPREAD_FEATURES.float()


def space(**values):
    return preprocess(SPREAD_FEATURES, make_spec({"pca_dim": 4} | values), StageClock(torch.device("cpu")))


def test_transform_maps_features_as_fitting_did():
    result = space()
    assert torch.allclose(result.transform(SPREAD_FEATURES), result.points, atol=1e-5)
    assert torch.equal(result.transform(SPREAD_FEATURES[:7]), result.transform(SPREAD_FEATURES)[:7]), (
        "each image is transformed independently of the others"
    )


def test_transform_can_leave_out_the_whitening():
    assert torch.allclose(space().transform(SPREAD_FEATURES, whitened=False), space(whiten=False).points, atol=1e-5)


def test_without_any_stage_the_points_are_the_features():
    result = space(pca_dim=None, whiten=False, l2_normalize=False)
    assert result.points is SPREAD_FEATURES and result.fitted == result.outputs == {} and not result.unit_length


def test_each_stage_keeps_its_output_and_the_library_call():
    result = space(whiten_backend="torch")
    assert {name: tuple(output.shape) for name, output in result.outputs.items()} == {"pca": (90, 4), "whiten": (90, 4)}
    assert [fitted.call.library for fitted in result.fitted.values()] == ["faiss", "torch"]
    assert torch.allclose(result.points.norm(dim=1), torch.ones(90))
