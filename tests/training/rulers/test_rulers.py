"""Every ruler: known scores for known features, and the same score for the same features in every run."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from dcbench.core.columns import COLUMNS, DEFAULT_RULER, RULERS
from dcbench.training import scoring, seeds
from dcbench.training.metrics import NOT_PREDICTED, score_predictions
from dcbench.training.rulers import ITERATIONS, cluster_points, knn, l2, pca_whitened, probe, spread_evenly
from tests.helpers.embeddings import blobs, make_embedding

FIXED = [name for name in RULERS if name not in ("own", "refit")]
"""Rulers that measure in a space of their own."""


def noisy_blobs(count, seed):
    """Return points of 20 dimensions whose three classes overlap, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    points = rng.normal(size=(count, 20)) * np.linspace(3, 1, 20)
    points[:, :3] += 4 * np.eye(3)[labels]
    return torch.from_numpy(points.astype(np.float32)), labels


def score_by(name, embedding):
    """Return the columns of a ruler."""
    predictions = scoring.RULERS[name].predict(embedding)
    return score_predictions(predictions, embedding.labels, embedding.test_labels)


def noisy_embedding(**settings):
    return make_embedding(*noisy_blobs(300, 0), *noisy_blobs(120, 1), **settings)


def test_there_is_a_file_for_each_declared_ruler():
    assert list(scoring.RULERS) == list(RULERS) and DEFAULT_RULER in RULERS
    assert all(module.__name__.endswith(f".rulers.{name}") for name, module in scoring.RULERS.items())


@pytest.mark.parametrize("name", RULERS)
def test_a_ruler_fills_only_declared_columns_and_the_one_that_it_judges_by(name):
    scores = score_by(name, noisy_embedding())
    assert RULERS[name].column in scores and set(scores) <= set(COLUMNS)
    assert all(COLUMNS[column].low <= score <= COLUMNS[column].high for column, score in scores.items())


@pytest.mark.parametrize("name", RULERS)
def test_separate_classes_score_one_and_labels_at_random_about_chance(name):
    points, labels = blobs(90)
    test_points, test_labels = blobs(30, seed=1)
    scores = score_by(name, make_embedding(points, labels, test_points, test_labels))
    assert scores[RULERS[name].column] == 1
    rng = np.random.default_rng(0)
    labels, test_labels = rng.permutation(labels), rng.permutation(test_labels)
    scores = score_by(name, make_embedding(points, labels, test_points, test_labels))
    assert scores[RULERS[name].column] < 0.6


@pytest.mark.parametrize("name", FIXED)
def test_the_same_features_get_the_same_score_in_every_run(name):
    first = score_by(name, noisy_embedding())
    other = noisy_embedding(seed=5, k=7, backend="sklearn", pca_dim=2, whiten=False, kmeans_restarts=3)
    assert score_by(name, other) == first


@pytest.mark.parametrize("name", RULERS)
def test_test_images_change_only_the_scores_of_test_images(name):
    (points, labels), (test_points, test_labels) = noisy_blobs(300, 0), noisy_blobs(120, 1)
    first = score_by(name, make_embedding(points, labels, test_points, test_labels))
    second = score_by(name, make_embedding(points, labels, test_points.flip(0), test_labels))
    training = [column for column in first if not column.startswith("test_")]
    assert [first[column] for column in training] == [second[column] for column in training]
    tested = [column for column in first if column.startswith("test_")]
    assert tested and any(first[column] != second[column] for column in tested)


@pytest.mark.parametrize("name", RULERS)
@pytest.mark.parametrize("case", ["equal", "tiny", "huge", "few"])
def test_collapsed_and_extreme_features_have_a_finite_score(name, case):
    points, labels = noisy_blobs(5 if case == "few" else 60, 0)
    points = {"equal": torch.ones_like(points), "tiny": points * 1e-9, "huge": points * 1e6, "few": points}[case]
    scores = score_by(name, make_embedding(points, labels, points[:4], labels[:4]))
    assert all(np.isfinite(score) for score in scores.values())


def test_the_whitened_pca_agrees_with_scikit_learn():
    embedding = noisy_embedding()
    whitened = PCA(3, whiten=True, svd_solver="full").fit_transform(embedding.training.double().numpy())
    fits = []
    for start in range(pca_whitened.STARTS):
        indices = seeds.numpy_generator(0, "refit", start).choice(len(whitened), 3, replace=False)
        fits.append(KMeans(3, init=whitened[indices], n_init=1, max_iter=ITERATIONS, tol=0).fit(whitened))
    best = min(fits, key=lambda fit: fit.inertia_)
    expected = normalized_mutual_info_score(embedding.labels, best.labels_)
    assert score_by("pca_whitened", embedding)["pca_whitened_nmi_true"] == pytest.approx(expected, abs=0.01)
    assert 0.1 < expected < 0.9, "the classes overlap, so that agreement means something"


def test_the_neighbours_vote_as_in_scikit_learn():
    embedding = noisy_embedding()
    mean = embedding.training.mean(0)
    training, test = (
        (points / points.norm(dim=1, keepdim=True)).numpy()
        for points in (embedding.training - mean, embedding.test - mean)
    )
    # Of vectors of unit length, the cosine is 1 - d^2 / 2.
    vote = KNeighborsClassifier(knn.NEIGHBOURS, weights=lambda distance: np.exp(-(distance**2) / 2 / knn.TEMPERATURE))
    expected = vote.fit(training, embedding.labels).score(test, embedding.test_labels)
    assert score_by("knn", embedding)["test_knn_accuracy"] == pytest.approx(expected)


def test_many_test_images_are_compared_in_parts(monkeypatch):
    embedding = noisy_embedding()
    whole = score_by("knn", embedding)
    monkeypatch.setattr(knn, "CHUNK", 7 * len(embedding.training))
    assert score_by("knn", embedding) == whole


def test_the_probe_agrees_with_ridge_regression_of_scikit_learn():
    embedding = noisy_embedding()
    scaler = StandardScaler().fit(embedding.training.numpy())
    training, test = (scaler.transform(points.numpy()) for points in (embedding.training, embedding.test))
    ridge = Ridge(alpha=probe.RIDGE * len(training)).fit(training, np.eye(3)[embedding.labels])
    expected = (ridge.predict(test).argmax(axis=1) == embedding.test_labels).mean()
    accuracy = score_by("probe", embedding)["test_probe_accuracy"]
    assert accuracy == pytest.approx(expected, abs=0.01) and 0.4 < expected < 1


def test_fewer_images_than_classes_make_fewer_clusters():
    points, _ = blobs(6)
    assert len(cluster_points(points[:2], 3, starts=2, seed=0).centroids) == 2


def test_a_sample_is_spread_evenly_over_all_images():
    assert spread_evenly(10, 4).tolist() == [0, 2, 5, 7]
    assert spread_evenly(3, 4).tolist() == [0, 1, 2]


def test_of_many_images_the_dear_rulers_see_only_a_sample(monkeypatch):
    embedding, half = noisy_embedding(), noisy_embedding()
    for name, value in (("training", half.training[::2]), ("labels", half.labels[::2])):
        object.__setattr__(half, name, value)
    monkeypatch.setattr(l2, "SAMPLE", 150)
    sampled, seen = l2.predict(embedding), l2.predict(half)
    assert (sampled["l2"][::2] == seen["l2"]).mean() > 0.97, "the last iteration of k-means may move some points"
    assert (sampled["test_l2"] == seen["test_l2"]).all()
    monkeypatch.setattr(knn, "TEST_SAMPLE", 40)
    classes = knn.predict(embedding)["test_knn"]
    assert (classes != NOT_PREDICTED).nonzero()[0].tolist() == list(range(0, 120, 3))
