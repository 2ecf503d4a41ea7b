"""Make the learner: a network, the optimizers of its trunk and its head, and the labels it is trained on.

Every new head comes with a new optimizer. An optimizer that is kept when the head is replaced trains nothing: in
earlier public comparisons this left the head untrained, and a whole axis had no effect.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from dcbench.core.spec import RunSpec
from dcbench.training.deepcluster.network import Network, PixelFeatures, initialise
from dcbench.training.metrics import IntArray
from dcbench.training.seeds import torch_generator


@dataclass(kw_only=True)
class Learner:
    """What a training pass changes and trains on. The pixel baseline has only a network."""

    network: Network | PixelFeatures
    trunk_optimizer: torch.optim.Optimizer | None = None
    """Optimizer of the trunk; its state (momentum, moments) lives on across all epochs."""

    head_optimizer: torch.optim.Optimizer | None = None
    """Optimizer of the current head, replaced with it."""
    labels: IntArray | None = None
    """Label `(n,)` of each training image, in the order of the images; None until the first relabelling."""


def make_trunk_optimizer(trunk: nn.Module, spec: RunSpec) -> torch.optim.Optimizer:
    """Return an optimizer over the trunk's trainable parameters."""
    trained = [parameter for parameter in trunk.parameters() if parameter.requires_grad]
    return _make_optimizer(trained, spec, spec.optimizer, spec.lr, spec.momentum, spec.weight_decay)


def replace_head(network: nn.Module, classes: int, spec: RunSpec, epoch: int) -> torch.optim.Optimizer:
    """Give the network a new N(0, 0.01) head for this number of classes; return the new optimizer of that head.

    Cluster ids of two clusterings are unrelated, so the old head's weights are of no use.
    """
    old_head = network.get_submodule("head")
    assert isinstance(old_head, nn.Linear), "a head is one linear layer"
    # Draw on the CPU and then move: the same seed gives the same head on every device.
    head = nn.Linear(old_head.in_features, classes)
    initialise(head, torch_generator(spec, "head", epoch))
    network.head = head.to(old_head.weight.device)
    return make_head_optimizer(network.head, spec)


def make_head_optimizer(head: nn.Module, spec: RunSpec) -> torch.optim.Optimizer:
    """Return an optimizer over a head's parameters, with the head's own settings."""
    trained = head.parameters()
    return _make_optimizer(trained, spec, spec.top_optimizer, spec.top_lr, spec.top_momentum, spec.top_weight_decay)


def _make_optimizer(
    parameters: Iterable[nn.Parameter], spec: RunSpec, name: str, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)
    return torch.optim.Adam(parameters, lr=lr, betas=(spec.beta1, spec.beta2), weight_decay=weight_decay)
