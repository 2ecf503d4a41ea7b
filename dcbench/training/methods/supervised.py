"""Train the same network on the true labels, with one head for the whole run: a baseline that shows the ceiling."""

from __future__ import annotations

import torch

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Split
from dcbench.training.deepcluster.learner import Learner, make_trunk_optimizer, replace_head
from dcbench.training.deepcluster.network import build_network

FACTS = {
    "network": True,
    "supervised": True,
    "baseline": {
        "each": [
            "dataset", "limit", "test_limit", "image_size", "input_channels", "arch", "width", "epochs", "augment",
            "precision",
        ],
        "first": [
            "batch_size", "optimizer", "lr", "momentum", "weight_decay", "beta1", "beta2", "top_optimizer", "top_lr",
            "top_momentum", "top_weight_decay", "pca_dim", "whiten", "l2_normalize", "pca_backend", "whiten_backend",
            "kmeans_backend", "kmeans_iterations",
        ],
        "sets": {"k": "classes", "sampler": "natural"},
        "variants": [{}],
    },
}  # fmt: skip


def begin(spec: RunSpec, device: torch.device) -> Learner:
    """Return the same untrained network as in any other run, with the trunk's optimizer."""
    network = build_network(spec, device)
    return Learner(network=network, trunk_optimizer=make_trunk_optimizer(network.trunk, spec))


def relabel(learner: Learner, assignment: Labels, split: Split, spec: RunSpec, epoch: int) -> bool:
    """Set the true labels once, before the first pass; the clustering only serves the scores."""
    if learner.labels is None:
        learner.labels = split.labels
        learner.head_optimizer = replace_head(learner.network, split.class_count, spec, epoch)
    return False
