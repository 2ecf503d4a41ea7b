"""Derive one random generator for each random decision of a run: the seed tree.

A generator depends on the run's seed and repeat, the purpose of the decision and its indices (epoch, restart), and on
no other axis. Two runs that differ in an optimizer or a backend therefore start from the same weights, first centroids
and first batch: common random numbers, which make paired comparisons valid. A repeat of a run draws everything anew but
its images, so that the two differ by chance alone.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import torch

from dcbench.core.spec import RunSpec

Purpose = Literal[
    "limit", "split", "weights", "head", "dropout", "kmeans", "refill", "refit", "chance", "test", "sampler", "augment",
    "map",
]  # fmt: skip


IMAGE_PURPOSES: tuple[Purpose, ...] = ("limit", "split", "test")
"""Decisions that choose images. They depend on the seed alone: the repeats of a run see the same images."""

Root = RunSpec | int
"""What a decision depends on: the spec of its run, or a seed alone where repeats must not change it."""


def _derive_seed(root: Root, purpose: Purpose, indices: tuple[int, ...]) -> int:
    name = str(root if isinstance(root, int) else root.seed)
    if isinstance(root, RunSpec) and root.repeat and purpose not in IMAGE_PURPOSES:
        name += f"r{root.repeat}"
    key = "/".join([name, purpose, *map(str, indices)])
    # A hash, not a sum: neighbouring seeds and epochs give unrelated generators. torch takes 63 bits at most.
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1


def numpy_generator(root: Root, purpose: Purpose, *indices: int) -> np.random.Generator:
    """Return the NumPy generator of a decision; `indices` are its epoch, restart and so on."""
    # PCG64 is named, since NumPy may change what default_rng() uses.
    return np.random.Generator(np.random.PCG64(_derive_seed(root, purpose, indices)))


def torch_generator(root: Root, purpose: Purpose, *indices: int) -> torch.Generator:
    """Return the torch generator of a decision; it lives on the CPU, so that every device gets the same numbers."""
    return torch.Generator().manual_seed(_derive_seed(root, purpose, indices))
