"""Train the network for one pass over drawn images: the "train" step of loop.py."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from dcbench.core.spec import RunSpec
from dcbench.errors import NotFiniteError
from dcbench.training import seeds
from dcbench.training.deepcluster.features import autocast
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.learner import Learner
from dcbench.training.metrics import IntArray


@dataclass(frozen=True, kw_only=True)
class TrainingPass:
    """The result of a pass over m drawn images, and what it trained on, for the audit."""

    loss: float
    """Mean loss (nats) over the drawn images, each with its weight."""
    accuracy: float
    """Share of the drawn images whose label the head predicted, before the step on their batch."""
    images_per_second: float
    """Training speed, with drawing and augmentation."""
    positions: Tensor
    """Positions `(m,)` in the training images, in the order of training."""
    targets: Tensor
    """Label `(m,)` that each of them was trained on."""
    first_inputs: Tensor
    """Images `(b, c, s, s)` of the first batch, as the network received them."""
    label_weights: Tensor | None
    """Weight `(k,)` of each label in the loss; None where all weigh the same."""


def train_pass(learner: Learner, images: Images, spec: RunSpec, epoch: int) -> TrainingPass:
    """Train the learner's network in place on its labels for one epoch (equation 1 of the paper).

    NotFiniteError is raised after the pass if the loss is NaN or infinite.
    """
    assert learner.labels is not None, "labels and a head are made before the first pass"
    trunk_optimizer, head_optimizer = learner.trunk_optimizer, learner.head_optimizer
    assert trunk_optimizer is not None, "there is a network to train"
    assert head_optimizer is not None, "a head comes with its own optimizer"
    start = time.perf_counter()
    device = images.device

    # Step 1: draw the images of this pass (section 3.3 of the paper, trivial parametrization). The draw is a list of
    # positions that index images and labels alike, so that they stay in one order. Public versions reordered the data
    # by cluster instead, and their sampler then drew the wrong images.
    order = draw_positions(spec.sampler, learner.labels, seeds.numpy_generator(spec, "sampler", epoch))
    positions, labels = (torch.from_numpy(values).to(device) for values in (order, learner.labels))
    weights = compute_label_weights(spec.sampler, learner.labels)
    label_weights = None if weights is None else torch.from_numpy(weights).to(device)

    # Step 2: seed crops and dropout. Each has its own generator, so an axis that changes one does not change the other.
    # Dropout takes no generator; it draws from torch's global one.
    crops = seeds.torch_generator(spec, "augment", epoch)
    torch.manual_seed(seeds.torch_generator(spec, "dropout", epoch).initial_seed())

    learner.network.train()
    loss_sum = torch.zeros((), device=device, dtype=torch.float64)
    correct = torch.zeros((), device=device, dtype=torch.int64)
    used_targets = []
    for number, batch in enumerate(positions.split(spec.batch_size)):
        # Step 3: augment the same standardised images that clustering sees unaugmented, and take their labels.
        inputs, targets = images.augmented(batch, spec.augment, crops), labels[batch]
        if number == 0:
            first_inputs = inputs
        used_targets.append(targets)

        # Step 4: predict the labels and compute the loss, in float32 even under autocast. The sampler `weighted`
        # weights each label's loss by its inverse size instead of drawing the labels equally often.
        with autocast(device, spec.precision):
            logits = learner.network(inputs)
        losses = F.cross_entropy(logits.float(), targets, reduction="none")
        if label_weights is not None:
            losses = losses * label_weights[targets]

        # Step 5: step both optimizers. Trunk and head have one each: a single optimizer made before the first
        # relabelling would hold a head that is no longer in the network.
        trunk_optimizer.zero_grad()
        head_optimizer.zero_grad()
        losses.mean().backward()
        trunk_optimizer.step()
        head_optimizer.step()

        # The sums stay on the device: reading them here would synchronise it at every batch.
        loss_sum += losses.detach().sum()
        correct += (logits.argmax(dim=1) == targets).sum()

    if not torch.isfinite(loss_sum):
        raise NotFiniteError(f"the loss became {loss_sum.item()} in epoch {epoch}; the learning rate may be too high")
    seconds = time.perf_counter() - start  # isfinite has waited for the device
    return TrainingPass(
        loss=loss_sum.item() / len(order),
        accuracy=correct.item() / len(order),
        images_per_second=len(order) / seconds,
        positions=positions,
        targets=torch.cat(used_targets),
        first_inputs=first_inputs,
        label_weights=label_weights,
    )


def draw_positions(sampler: str, labels: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw the positions `(n,)` to train on: uniform over the labels, or every image once in random order.

    The published code means to draw uniformly, but its sampler returns positions in the original order of the images,
    and these are looked up in a list that was sorted by cluster. So other images are drawn than were meant, and the
    shares are nearly those of the clusters. `published_code` does the same.
    """
    if sampler == "uniform":
        return draw_uniform(labels, rng)
    if sampler == "published_code":
        sorted_by_label: IntArray = np.argsort(labels, kind="stable")
        return sorted_by_label[draw_uniform(labels, rng)]
    return rng.permutation(len(labels))


def draw_uniform(labels: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw the same number of images from each non-empty cluster (section 3.3 of the paper).

    Clusters smaller than that number are drawn from with replacement, larger ones without.
    """
    clusters = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    quotas = np.full(len(clusters), len(labels) // len(clusters))
    # The images that do not divide evenly go to clusters chosen at random, one to each.
    quotas[rng.permutation(len(clusters))[: len(labels) % len(clusters)]] += 1
    drawn = [
        rng.choice(members, quota, replace=bool(quota > len(members)))
        for members, quota in zip(clusters, quotas, strict=True)
    ]
    return rng.permutation(np.concatenate(drawn))


def compute_label_weights(sampler: str, labels: IntArray) -> npt.NDArray[np.float32] | None:
    """Return each label's weight `(k,)` in the loss when the sampler is `weighted`, else None.

    The weight is n / (active clusters * size). Its mean over the images is 1, so the learning rate keeps its meaning.
    """
    if sampler != "weighted":
        return None
    sizes = np.bincount(labels)
    active = np.count_nonzero(sizes)
    weights: npt.NDArray[np.float64] = np.divide(len(labels), active * sizes, out=np.zeros(len(sizes)), where=sizes > 0)
    return weights.astype(np.float32)
