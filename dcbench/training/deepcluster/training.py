"""One training pass over the sampled images against the pseudo-labels."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dcbench.core.spec import RunSpec
from dcbench.errors import NotFiniteError
from dcbench.training import seeds
from dcbench.training.deepcluster import samplers
from dcbench.training.deepcluster.features import autocast
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.network import Network, Pixels


@dataclass(frozen=True)
class TrainedBatches:
    """What a pass really used, for the audit: positions and targets `(m,)` in order, and the first batch's inputs.

    `weight` `(k,)` is each label's weight in the loss, None where all weigh the same.
    """

    positions: Tensor
    targets: Tensor
    inputs: Tensor
    weight: Tensor | None = None


@dataclass(frozen=True)
class TrainingPass:
    """What a training pass came to: mean loss (nats), accuracy against its labels, images a second."""

    loss: float
    accuracy: float
    images_per_second: float
    seen: TrainedBatches


@dataclass
class Learner:
    """The network, what moves it, and the labels `(n,)` that it is trained on.

    The trunk's optimizer stays for good, the head's as long as the head. Pixels in a network's place have neither.
    """

    network: Network | Pixels
    trunk_optimizer: torch.optim.Optimizer | None = None
    head_optimizer: torch.optim.Optimizer | None = None
    labels: samplers.Ints | None = None


def train_pass(learner: Learner, images: Images, spec: RunSpec, epoch: int) -> TrainingPass:
    """Train one epoch on the learner's labels; every sampled image counts once in loss and accuracy."""
    assert learner.labels is not None, "labels and a head are made before the first pass"
    start = time.perf_counter()
    device = images.device
    order = samplers.draw_positions(spec.sampler, learner.labels, seeds.numpy_generator(spec.seed, "sampler", epoch))
    labels = torch.from_numpy(learner.labels).to(device)
    weights = samplers.loss_weights(spec.sampler, learner.labels)
    weight = None if weights is None else torch.from_numpy(weights).to(device)
    crops = seeds.torch_generator(spec.seed, "augment", epoch)
    torch.manual_seed(seeds.torch_generator(spec.seed, "dropout", epoch).initial_seed())
    learner.network.train()
    loss_sum = torch.zeros((), device=device, dtype=torch.float64)
    correct = torch.zeros((), device=device, dtype=torch.int64)
    positions = torch.from_numpy(order).to(device)
    first, used = None, []
    for batch in positions.split(spec.batch_size):
        inputs, targets = images.augmented(batch, spec.augment, crops), labels[batch]
        first = inputs if first is None else first
        used.append(targets)
        with autocast(device, spec.precision):
            logits = learner.network(inputs)
        losses = _step(learner, logits.float(), targets, weight)
        loss_sum += losses.sum()
        correct += (logits.argmax(dim=1) == targets).sum()
    if not torch.isfinite(loss_sum):
        raise NotFiniteError(f"the loss became {loss_sum.item()} in epoch {epoch}; the learning rate may be too high")
    seconds = time.perf_counter() - start
    seen = TrainedBatches(positions, torch.cat(used), first, weight)
    return TrainingPass(loss_sum.item() / len(order), correct.item() / len(order), len(order) / seconds, seen)


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
