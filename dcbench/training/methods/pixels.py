"""Cluster the standardised pixels themselves, raw and preprocessed like features: the pixel baseline."""

from __future__ import annotations

import torch

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Split
from dcbench.training.deepcluster.learner import Learner
from dcbench.training.deepcluster.network import PixelFeatures

FACTS = {
    "network": False,
    "baseline": {
        "each": ["dataset", "limit", "test_limit", "input_channels"],
        "first": ["pca_dim", "whiten", "l2_normalize", "kmeans_iterations"],
        "sets": {
            "k": "classes", "epochs": 0, "image_size": 32, "kmeans_restarts": 10,
            # A run on 10,000 raw MNIST images took 113 s with the k-means of torch and 14 s with that of faiss.
            "pca_backend": "torch", "whiten_backend": "torch", "kmeans_backend": "faiss",
        },
        "variants": [{"pca_dim": None, "whiten": False, "l2_normalize": False}, {}],
    },
}  # fmt: skip


def begin(spec: RunSpec, device: torch.device) -> Learner:
    """Return the pixels in place of a network; there is nothing to train."""
    return Learner(network=PixelFeatures(spec).to(device))


def relabel(learner: Learner, assignment: Labels, split: Split, spec: RunSpec, epoch: int) -> bool:
    """Return False: there is only row 0, and nothing to train."""
    return False
