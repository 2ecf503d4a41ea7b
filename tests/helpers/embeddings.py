"""Features with known clusters, as an Embedding that rulers score."""

from __future__ import annotations

import numpy as np
import torch

from dcbench.core.spec import make_spec
from dcbench.training.costs import StageClock
from dcbench.training.deepcluster.pseudo_labels import cluster, preprocess
from dcbench.training.rulers import Embedding


def blobs(count, classes=3, seed=0):
    """Return `count` points of six dimensions in well separated classes, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    return torch.from_numpy((np.eye(classes, 6)[labels] * 9 + rng.normal(size=(count, 6))).astype(np.float32)), labels


def make_embedding(features, labels, test_features, test_labels, **settings):
    """Return the embedding of these features, clustered as a run with these settings does."""
    spec = make_spec({"pca_dim": min(4, len(features) - 1), "k": 3} | settings)
    clock = StageClock(torch.device("cpu"))
    space = preprocess(features, spec, clock)
    return Embedding(
        training=features,
        test=test_features,
        labels=labels,
        test_labels=test_labels,
        class_count=int(labels.max()) + 1,
        space=space,
        clustering=cluster(space, spec, 0, clock),
        spec=spec,
    )
