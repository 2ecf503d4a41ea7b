"""The head: a new linear layer after every clustering, with its own new optimizer.

Kept together on purpose: an optimizer that outlives its head trains nothing (a mistake that made a whole
axis of earlier public comparisons do nothing).
"""

from __future__ import annotations

import torch

from dcbench.core.spec import RunSpec
from dcbench.training.deepcluster.network import Network, initialise
from dcbench.training.deepcluster.optimizers import head_optimizer
from dcbench.training.seeds import torch_generator


def new_head(network: Network, classes: int, spec: RunSpec, epoch: int) -> torch.optim.Optimizer:
    """Give the network a new N(0, .01) head for so many classes; returns the optimizer over just that head."""
    device = network.head.weight.device
    head = torch.nn.Linear(network.head.in_features, classes)
    initialise(head, torch_generator(spec.seed, "head", epoch))
    network.head = head.to(device)
    return head_optimizer(network.head, spec)
