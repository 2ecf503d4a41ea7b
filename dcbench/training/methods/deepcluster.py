"""Train on pseudo-labels: the clustering becomes the labels, with a new head and its new optimizer (DeepCluster)."""

from __future__ import annotations

import torch

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Split
from dcbench.training.deepcluster.learner import Learner, make_trunk_optimizer, replace_head
from dcbench.training.deepcluster.network import build_network

FACTS = {"network": True}


def begin(spec: RunSpec, device: torch.device) -> Learner:
    """Return the untrained network with the trunk's optimizer; head and labels come with the first relabelling."""
    network = build_network(spec, device)
    return Learner(network=network, trunk_optimizer=make_trunk_optimizer(network.trunk, spec))


def relabel(learner: Learner, assignment: Labels, split: Split, spec: RunSpec, epoch: int) -> bool:
    """Make the assignment the labels every `reassign_every` epochs (1 as published).

    After the last row nothing is trained, so it is not relabelled.
    """
    if epoch == spec.epochs or epoch % spec.reassign_every:
        return False
    # New cluster ids make the old head meaningless. The head and its optimizer are replaced together: an optimizer over
    # the old head would leave the new one untrained.
    learner.labels = assignment
    learner.head_optimizer = replace_head(learner.network, spec.k, spec, epoch)
    return True
