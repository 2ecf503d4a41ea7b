"""The supervised baseline: the same network trained with the true labels, one head for good. A ceiling."""

from __future__ import annotations

import torch

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Split
from dcbench.training.deepcluster.heads import new_head
from dcbench.training.deepcluster.network import build_network
from dcbench.training.deepcluster.optimizers import trunk_optimizer
from dcbench.training.deepcluster.training import Learner

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
    """The untrained network with the trunk's optimizer, the same as any other run's."""
    network = build_network(spec, device)
    return Learner(network, trunk_optimizer(network.trunk, spec))


def relabel(learner: Learner, assignment: Labels, split: Split, spec: RunSpec, epoch: int) -> bool:
    """The true labels from the start; the clustering only serves the scores."""
    if learner.labels is None:
        learner.labels = split.labels
        learner.head_optimizer = new_head(learner.network, split.classes, spec, epoch)
    return False
