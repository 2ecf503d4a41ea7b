"""Which images an epoch trains on, in which order, and how much each pseudo-label's loss weighs.

The draw is a list of positions in the training images, whose order never changes: sampling by cluster must not
reorder the data under the pseudo-labels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def draw_positions(sampler: str, assignment: Ints, rng: np.random.Generator) -> Ints:
    """Positions `(n,)` to train on: uniform over the clusters, or every image once in random order."""
    if sampler == "uniform":
        return uniform(assignment, rng)
    return rng.permutation(len(assignment))


def uniform(assignment: Ints, rng: np.random.Generator) -> Ints:
    """As many images from each non-empty cluster (DeepCluster section 3.4); with replacement from small ones."""
    clusters = [np.flatnonzero(assignment == label) for label in np.unique(assignment)]
    quotas = np.full(len(clusters), len(assignment) // len(clusters))
    quotas[rng.permutation(len(clusters))[: len(assignment) % len(clusters)]] += 1
    drawn = [
        rng.choice(members, quota, replace=bool(quota > len(members)))
        for members, quota in zip(clusters, quotas, strict=True)
    ]
    return rng.permutation(np.concatenate(drawn))


def loss_weights(sampler: str, assignment: Ints) -> npt.NDArray[np.float32] | None:
    """Weight of each label's loss, from label 0 on: n / (active clusters x size) when `weighted`, so the mean is 1."""
    if sampler != "weighted":
        return None
    sizes = np.bincount(assignment)
    active = np.count_nonzero(sizes)
    weights = np.divide(len(assignment), active * sizes, out=np.zeros(len(sizes)), where=sizes > 0)
    return weights.astype(np.float32)
