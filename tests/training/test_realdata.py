"""The official files give the values that recipe.md reports."""

import numpy as np
import pytest
import torch

from dcbench.core.spec import make_spec
from dcbench.training import datasets, metrics
from dcbench.training.costs import StageClock
from dcbench.training.deepcluster import images, pseudo_labels
from dcbench.training.deepcluster.features import extract_features
from dcbench.training.deepcluster.network import build_network
from dcbench.training.deepcluster.pseudo_labels import preprocess

pytestmark = pytest.mark.realdata

CPU = torch.device("cpu")
SETTINGS = {"dataset": "mnist", "limit": 10_000, "width": 0.25}


def untrained(data_dir, seed):
    """Return the spec, labels and features of the untrained network on 10,000 MNIST images."""
    spec = make_spec(SETTINGS | {"seed": seed})
    split = datasets.load_training(spec, data_dir)
    training = images.make_training_images(torch.from_numpy(split.pixels), 32, torch.device("cpu"))
    return spec, split.labels, extract_features(build_network(spec, CPU), training, "float32")


@pytest.mark.slow
def test_the_untrained_network_has_the_measured_nmi(data_dir):
    scores = []
    for seed in range(5):
        spec, labels, features = untrained(data_dir, seed)
        clock = StageClock(CPU)
        clustering = pseudo_labels.cluster(preprocess(features, spec, clock), spec, 0, clock)
        scores.append(metrics.nmi_true(labels, clustering.assignment))
    assert 0.44 <= np.median(scores) <= 0.60, scores
