"""The images nearest each centroid, found a second time by brute force."""

import numpy as np
import pytest
import torch

from dcbench.inspect.measuring import clusters
from dcbench.inspect.measuring.weights import find
from dcbench.inspect.subject import read_subject
from dcbench.training.datasets import load_training
from dcbench.training.deepcluster import images, preprocessing, pseudo_labels
from dcbench.training.deepcluster.clock import StageClock
from dcbench.training.deepcluster.features import extract_features
from tests.helpers.inspected_runs import looked_at, made

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=[{}, {"whiten": False, "l2_normalize": False, "pca_dim": "null"}])
def run(request, tmp_path_factory):
    values = {name: None if value == "null" else value for name, value in request.param.items()}
    return made(tmp_path_factory.mktemp("run"), **values)


def test_the_nearest_images_are_the_nearest(run):
    """Distances of all images to all centroids in float64, by NumPy, from the features of the run's weights."""
    spec, found = run.read_spec(), looked_at(run)
    split = load_training(spec, run.path)
    seen = images.training_images(torch.from_numpy(split.pixels), spec.image_size, CPU)
    space = preprocessing.preprocess(
        extract_features(find(read_subject(run.path), CPU).network, seen, "float32"), spec, StageClock(CPU)
    )
    clustering = pseudo_labels.cluster(space, spec, spec.epochs, StageClock(CPU))
    points, centroids = space.points.numpy().astype(np.float64), clustering.centroids.numpy().astype(np.float64)
    distances = np.sqrt(((points[:, None] - centroids[None]) ** 2).sum(axis=2))
    recorded = run.read_assignments("assignment")["assignment"]
    for row, cluster in enumerate(found["clusters"]):
        members = np.flatnonzero(recorded == cluster)
        expected = members[np.argsort(distances[members, cluster], kind="stable")][: clusters.IMAGES]
        shown = found["nearest"][row][found["nearest"][row] >= 0]
        assert shown.tolist() == expected.tolist()
        np.testing.assert_allclose(found["distances"][row][: len(shown)], distances[shown, cluster])
        assert (np.diff(found["distances"][row][: len(shown)]) >= 0).all()


def test_the_largest_clusters_come_first_with_their_mean_image(run):
    found, split = looked_at(run), load_training(run.read_spec(), run.path)
    assignment = run.read_assignments("assignment")["assignment"]
    sizes = np.bincount(assignment, minlength=4)
    assert found["clusters"].tolist() == sorted(range(4), key=lambda cluster: (-sizes[cluster], cluster))
    for row, cluster in enumerate(found["clusters"]):
        mean = split.pixels[assignment == cluster].mean(axis=0)
        assert np.abs(found["means"][row] - mean).max() <= 0.5


def test_a_mean_of_many_images_is_read_in_parts(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 4), dtype=np.uint8)
    members = np.arange(0, 50, 2)
    whole = clusters.mean(pixels, members)
    monkeypatch.setattr(clusters, "CHUNK", 7)
    assert (clusters.mean(pixels, members) == whole).all()
    assert (whole == np.rint(pixels[::2].mean(axis=0))).all()
