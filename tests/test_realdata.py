"""What recipe.md measured, seen again on the official files."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from dcbench import backends, datasets, metrics, rooms
from dcbench.deepcluster import images, pseudo_labels
from dcbench.deepcluster.clock import StageClock
from dcbench.deepcluster.features import extract
from dcbench.deepcluster.network import build_network
from dcbench.deepcluster.preprocessing import preprocess
from dcbench.spec import make_spec

pytestmark = pytest.mark.realdata

CPU = torch.device("cpu")
SETTINGS = {"dataset": "mnist", "limit": 10_000, "width": 0.25}


def untrained(data_dir, seed):
    """Labels and features of the untrained network on 10,000 MNIST images."""
    spec = make_spec(SETTINGS | {"seed": seed})
    split = datasets.load_training(spec, data_dir)
    training = images.of_training(torch.from_numpy(split.pixels), 32, torch.device("cpu"))
    return spec, split.labels, extract(build_network(spec, CPU), training, "float32")


@pytest.fixture(scope="module")
def points():
    """Preprocessed real features, made once."""
    import os
    from pathlib import Path

    import torch.nn.functional as F

    _, _, features = untrained(Path(os.environ["DCBENCH_DATA"]), 0)
    part = rooms.load("backends", "torch")
    reduced = part.fit_pca(features, 256)(features)
    return F.normalize(part.fit_whitening(reduced)(reduced))


def test_the_untrained_network_scores_what_was_measured(data_dir):
    scores = []
    for seed in range(5):
        spec, labels, features = untrained(data_dir, seed)
        clock = StageClock(CPU)
        found = pseudo_labels.cluster(preprocess(features, spec, clock), spec, 0, clock)
        scores.append(metrics.nmi_true(labels, found.assignment))
    assert 0.44 <= np.median(scores) <= 0.60, scores


PAIRS = list(itertools.combinations(rooms.names("backends"), 2))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_backends_agree_from_the_same_matrix_and_first_centroids(points, pair):
    spec = make_spec(SETTINGS)
    parts = [rooms.load("backends", name) for name in pair]
    rand = []
    for start in range(10):
        chosen = pseudo_labels.first_centroids(len(points), spec, 0, start)
        first = points[torch.from_numpy(chosen)]
        once = [part.kmeans(points, first, 1).assignment for part in parts]
        assert (once[0] == once[1]).float().mean() >= 0.999
        found = [part.kmeans(points, first, 20) for part in parts]
        objectives = [backends.objective(points, one) for one in found]
        assert objectives[0] == pytest.approx(objectives[1], rel=1e-3)
        rand.append(adjusted_rand_score(found[0].assignment, found[1].assignment))
    assert np.median(rand) > 0.95, rand
