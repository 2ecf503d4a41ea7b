"""The optimizers of trunk and head, each with all its own settings."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from dcbench.core.spec import RunSpec


def trunk_optimizer(trunk: nn.Module, spec: RunSpec) -> torch.optim.Optimizer:
    """The trunk's optimizer; its state lives on across epochs."""
    trained = [parameter for parameter in trunk.parameters() if parameter.requires_grad]
    if spec.optimizer == "sgd":
        return torch.optim.SGD(trained, lr=spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)
    return _adam(trained, spec.lr, spec.weight_decay, spec)


def head_optimizer(head: nn.Module, spec: RunSpec) -> torch.optim.Optimizer:
    """A head's optimizer; made with the head and gone with it."""
    settings = {"lr": spec.top_lr, "weight_decay": spec.top_weight_decay}
    if spec.top_optimizer == "sgd":
        return torch.optim.SGD(head.parameters(), momentum=spec.top_momentum, **settings)
    return _adam(head.parameters(), spec.top_lr, spec.top_weight_decay, spec)


def _adam(parameters: Iterable[nn.Parameter], lr: float, weight_decay: float, spec: RunSpec) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=lr, betas=(spec.beta1, spec.beta2), weight_decay=weight_decay)
