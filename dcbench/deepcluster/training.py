"""One training pass over the sampled images against the pseudo-labels."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dcbench import seeds
from dcbench.deepcluster import samplers
from dcbench.deepcluster.features import autocast
from dcbench.deepcluster.images import Images
from dcbench.deepcluster.network import Network
from dcbench.errors import NotFiniteError
from dcbench.spec import RunSpec


@dataclass(frozen=True)
class Pass:
    """What a training pass came to: mean loss (nats), accuracy against the pseudo-labels, images a second."""

    loss: float
    accuracy: float
    images_per_second: float


@dataclass
class Learner:
    """The network with the optimizers that move it: the trunk's for good, the head's as long as the head."""

    network: Network
    trunk_optimizer: torch.optim.Optimizer
    head_optimizer: torch.optim.Optimizer | None = None


def train(learner: Learner, images: Images, assignment: samplers.Ints, spec: RunSpec, epoch: int) -> Pass:
    """Train one epoch on pseudo-labels `(n,)`; every sampled image counts once in loss and accuracy."""
    assert learner.head_optimizer is not None, "a head is made before the first pass"
    start = time.perf_counter()
    device = images.device
    order = samplers.draw(spec.sampler, assignment, spec.k, seeds.numpy_generator(spec.seed, "sampler", epoch))
    labels = torch.from_numpy(assignment).to(device)
    weights = samplers.loss_weights(spec.sampler, assignment, spec.k)
    weight = None if weights is None else torch.from_numpy(weights).to(device)
    crops = seeds.torch_generator(spec.seed, "augment", epoch)
    torch.manual_seed(seeds.torch_generator(spec.seed, "dropout", epoch).initial_seed())
    learner.network.train()
    loss_sum = torch.zeros((), device=device, dtype=torch.float64)
    correct = torch.zeros((), device=device, dtype=torch.int64)
    for batch in torch.from_numpy(order).to(device).split(spec.batch_size):
        inputs = images.augmented(batch, spec.augment, crops)
        with autocast(device, spec.precision):
            logits = learner.network(inputs)
        losses = _step(learner, logits.float(), labels[batch], weight)
        loss_sum += losses.sum()
        correct += (logits.argmax(dim=1) == labels[batch]).sum()
    if not torch.isfinite(loss_sum):
        raise NotFiniteError(f"the loss became {loss_sum.item()} in epoch {epoch}; the learning rate may be too high")
    seconds = time.perf_counter() - start
    return Pass(loss_sum.item() / len(order), correct.item() / len(order), len(order) / seconds)


def _step(learner: Learner, logits: Tensor, labels: Tensor, weight: Tensor | None) -> Tensor:
    """One step of both optimizers; returns the batch's losses, each with its weight."""
    losses = F.cross_entropy(logits, labels, reduction="none")
    if weight is not None:
        losses = losses * weight[labels]
    learner.trunk_optimizer.zero_grad()
    learner.head_optimizer.zero_grad()
    losses.mean().backward()
    learner.trunk_optimizer.step()
    learner.head_optimizer.step()
    return losses.detach()
