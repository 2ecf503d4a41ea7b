"""The images nearest each centroid agree with brute force, and large images are scaled down."""

import numpy as np
import pytest
import torch

from dcbench.inspect.measuring import shown_images
from dcbench.inspect.measuring.weights import load_weights
from dcbench.inspect.subject import read_inspected_run
from dcbench.training.costs import StageClock
from dcbench.training.datasets import Split, load_training
from dcbench.training.deepcluster import images, pseudo_labels
from dcbench.training.deepcluster.features import extract_features
from tests.helpers.inspected_runs import make_run, measure_on_cpu

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", params=[{}, {"whiten": False, "l2_normalize": False, "pca_dim": "null"}])
def run(request, tmp_path_factory):
    values = {name: None if value == "null" else value for name, value in request.param.items()}
    return make_run(tmp_path_factory.mktemp("run"), **values)


def test_the_nearest_images_agree_with_brute_force(run):
    """NumPy computes the distances of all images to all centroids in float64, from features of the saved weights."""
    spec, result = run.read_spec(), measure_on_cpu(run)
    split = load_training(spec, run.path)
    plain_images = images.make_training_images(torch.from_numpy(split.pixels), spec.image_size, CPU)
    space = pseudo_labels.preprocess(
        extract_features(load_weights(read_inspected_run(run.path), CPU).network, plain_images, "float32"),
        spec,
        StageClock(CPU),
    )
    clustering = pseudo_labels.cluster(space, spec, spec.epochs, StageClock(CPU))
    points, centroids = space.points.numpy().astype(np.float64), clustering.centroids.numpy().astype(np.float64)
    distances = np.sqrt(((points[:, None] - centroids[None]) ** 2).sum(axis=2))
    recorded = run.read_assignments("assignment")["assignment"]
    for row, cluster in enumerate(result["clusters"]):
        members = np.flatnonzero(recorded == cluster)
        expected = members[np.argsort(distances[members, cluster], kind="stable")][: shown_images.IMAGES]
        nearest = result["nearest"][row][result["nearest"][row] >= 0]
        assert nearest.tolist() == expected.tolist()
        np.testing.assert_allclose(result["distances"][row][: len(nearest)], distances[nearest, cluster])
        assert (np.diff(result["distances"][row][: len(nearest)]) >= 0).all()


def test_the_largest_clusters_come_first_with_their_mean_image(run):
    result, split = measure_on_cpu(run), load_training(run.read_spec(), run.path)
    assignment = run.read_assignments("assignment")["assignment"]
    sizes = np.bincount(assignment, minlength=4)
    assert result["clusters"].tolist() == sorted(range(4), key=lambda cluster: (-sizes[cluster], cluster))
    for row, cluster in enumerate(result["clusters"]):
        mean = split.pixels[assignment == cluster].mean(axis=0)
        assert np.abs(result["means"][row] - mean).max() <= 0.5


def test_the_mean_image_is_the_same_when_it_is_computed_in_chunks(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 4), dtype=np.uint8)
    members = np.arange(0, 50, 2)
    whole = shown_images.average_images(pixels, members)
    monkeypatch.setattr(shown_images, "CHUNK", 7)
    assert (shown_images.average_images(pixels, members) == whole).all()
    assert (whole == np.rint(pixels[::2].mean(axis=0))).all()


def split_of(side):
    return Split(
        pixels=RNG.integers(0, 256, (9, 3, side, side), dtype=np.uint8),
        labels=np.zeros(9, np.int64),
        indices=np.arange(9),
    )


def test_each_image_is_collected_once_and_unchanged():
    split = split_of(32)
    arrays = {"nearest": np.array([[7, 2, -1]]), "first_answers": np.array([[2, 5]])}
    collected = shown_images.collect_images(split, arrays)
    assert collected["shown"].tolist() == [2, 5, 7] and (collected["images"] == split.pixels[[2, 5, 7]]).all()


def test_large_images_are_scaled_down_and_keep_their_brightness():
    split = split_of(224)
    scaled = shown_images.collect_images(split, {"nearest": np.array([[1]])})["images"]
    assert scaled.shape == (1, 3, 64, 64) and scaled.dtype == np.uint8
    flat = np.full((1, 1, 96, 96), 200, dtype=np.uint8)
    assert (shown_images.scale_down(flat) == 200).all()
    assert np.abs(scaled.mean() - split.pixels[1].mean()) < 1
