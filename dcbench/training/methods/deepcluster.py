"""DeepCluster: the clustering becomes the pseudo-labels, with a new head and a new optimizer for it."""

from __future__ import annotations

import torch

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Split
from dcbench.training.deepcluster.heads import new_head
from dcbench.training.deepcluster.network import build_network
from dcbench.training.deepcluster.optimizers import trunk_optimizer
from dcbench.training.deepcluster.training import Learner

FACTS = {"network": True}


def begin(spec: RunSpec, device: torch.device) -> Learner:
    """The untrained network with the trunk's optimizer."""
    network = build_network(spec, device)
    return Learner(network, trunk_optimizer(network.trunk, spec))


def relabel(learner: Learner, assignment: Labels, split: Split, spec: RunSpec, epoch: int) -> bool:
    """Every `reassign_every` epochs, but for the last row, after which nothing is trained."""
    if epoch == spec.epochs or epoch % spec.reassign_every:
        return False
    learner.labels = assignment
    learner.head_optimizer = new_head(learner.network, spec.k, spec, epoch)
    return True
