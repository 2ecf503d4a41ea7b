"""The pixel baseline: k-means on the standardised pixels themselves, raw and preprocessed like features."""

from __future__ import annotations

import torch

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Split
from dcbench.training.deepcluster.network import Pixels
from dcbench.training.deepcluster.training import Learner

FACTS = {
    "network": False,
    "baseline": {
        "each": ["dataset", "limit", "test_limit", "input_channels"],
        "first": ["pca_dim", "whiten", "l2_normalize", "kmeans_iterations"],
        "sets": {
            "k": "classes", "epochs": 0, "image_size": 32, "kmeans_restarts": 10,
            # with torch's k-means a run on 10,000 raw MNIST images took 113 s, with faiss's 14 s
            "pca_backend": "torch", "whiten_backend": "torch", "kmeans_backend": "faiss",
        },
        "variants": [{"pca_dim": None, "whiten": False, "l2_normalize": False}, {}],
    },
}  # fmt: skip


def begin(spec: RunSpec, device: torch.device) -> Learner:
    """Pixels in the network's place; there is nothing to train."""
    return Learner(Pixels(spec).to(device))


def relabel(learner: Learner, assignment: Labels, split: Split, spec: RunSpec, epoch: int) -> bool:
    """Never: there is only row 0."""
    return False
