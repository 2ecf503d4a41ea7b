"""Scores of a row: nothing is fitted on test images."""

import numpy as np
import pandas as pd
import pytest
import torch

from dcbench.core.columns import COLUMNS, SPACES
from dcbench.core.spec import make_spec
from dcbench.training import loop, metrics
from dcbench.training.backends import assign_to_nearest
from dcbench.training.costs import StageClock
from dcbench.training.datasets import Split
from dcbench.training.deepcluster import pseudo_labels
from dcbench.training.deepcluster.pseudo_labels import REFIT_STARTS, preprocess, refit
from dcbench.training.rulers import predict_clusters
from dcbench.training.scoring import Scorer
from tests.helpers.embeddings import blobs
from tests.helpers.matrices import TINY

CPU = torch.device("cpu")
SPEC = make_spec({"pca_dim": 4, "k": 3})


def split(labels, pool="train"):
    return Split(
        pixels=np.zeros((len(labels), 1, 8, 8), np.uint8), labels=labels, indices=np.arange(len(labels)), pool=pool
    )


def names_of(space):
    return [column.name for column in COLUMNS.values() if column.space == space]


def rows_of(folder):
    (file,) = folder.path.glob("*/metrics.csv")
    return pd.read_csv(file)


def test_test_images_are_assigned_by_what_was_fitted_on_training_images():
    features, labels = blobs(90)
    test_features, test_labels = blobs(30, seed=1)
    space = preprocess(features, SPEC, StageClock(CPU))
    refitted = refit(space.points, 3, SPEC)
    points = space.transform(test_features)

    def score(centroids):
        predictions = predict_clusters("own", refitted.assignment.numpy(), centroids, points)
        return metrics.score_predictions(predictions, labels, test_labels)

    row, flipped = score(refitted.centroids), score(refitted.centroids.flip(0))
    assert row["cluster_accuracy"] == row["test_cluster_accuracy"] == 1.0
    assert flipped["test_nmi_true"] == pytest.approx(1) and flipped["test_cluster_accuracy"] < 0.5


def test_the_refit_uses_the_best_of_fixed_starts_for_every_seed(monkeypatch):
    features, _ = blobs(60)
    starts, real = [], pseudo_labels.run_kmeans
    monkeypatch.setattr(pseudo_labels, "run_kmeans", lambda *args: starts.append(args[1]) or real(*args))
    for seed in (0, 5):
        refit(features, 3, make_spec({"seed": seed, "k": 7}))
    assert len(starts[0]) == REFIT_STARTS and all((a == b).all() for a, b in zip(*starts, strict=True))
    assert refit(features[:2], 3, SPEC).centroids.shape == (2, 6), "fewer images than classes"


def test_points_are_assigned_to_the_nearest_centroid():
    points, centroids = torch.tensor([[0.0, 1], [5, 5]]), torch.tensor([[5.0, 4], [0, 0], [9, 9]])
    assert assign_to_nearest(points, centroids).tolist() == [1, 0]


def test_every_row_has_the_scores_of_every_space_but_the_ceilings(run_here):
    rows = rows_of(run_here(f"name: m\nsettings: {TINY}\n"))
    filled = [space for space in SPACES if rows[names_of(space)].notna().all(axis=None)]
    assert filled == [space for space in SPACES if not space.baselines_only] and rows["test_head_accuracy"].isna().all()


def test_a_supervised_run_has_every_score_family_and_never_reassigns(run_here):
    rows = rows_of(run_here(f"name: m\nsettings: {TINY.replace('epochs: 1', 'epochs: 2, method: supervised')}\n"))
    for space in SPACES:
        assert rows[names_of(space)].notna().all(axis=None)
    assert rows["test_head_accuracy"].notna().tolist() == [False, True, True]
    assert rows["reassigned"].tolist() == [0, 0, 0]
    assert rows["loss"].notna().tolist() == rows["pseudo_label_accuracy"].notna().tolist() == [False, True, True]


def test_the_test_split_never_reaches_training_or_fitting(run_here, monkeypatch):
    """Changing the test images changes the test columns only."""
    text = f"name: m\nsettings: {TINY}\n"
    before = rows_of(run_here(text, redo=True))
    real = loop.load_test

    def load_test(spec, data_dir):
        original = real(spec, data_dir)
        return Split(
            pixels=255 - original.pixels,
            labels=np.roll(original.labels, 1),
            indices=original.indices,
            pool=original.pool,
        )

    monkeypatch.setattr(loop, "load_test", load_test)
    after = rows_of(run_here(text, redo=True))
    columns = [name for name in COLUMNS if not name.startswith("test_") and not COLUMNS[name].cost]
    pd.testing.assert_frame_equal(before[columns], after[columns])
    assert (before["test_nmi_true"] != after["test_nmi_true"]).all()


def test_chance_scores_are_those_of_random_clusters():
    labels = np.arange(3000) % 10
    chance = Scorer(training=split(labels), test=split(labels, "test"), test_images=None, spec=SPEC).score_chance()
    assert (
        0.1 <= chance["cluster_accuracy"] < 0.13
        and chance["nmi_true"] < 0.02
        and list(chance) == list(metrics.TRUTH_SCORES)
    )
