"""Derive one random generator for each random decision of a run: the seed tree.

A generator depends on the run's seed, the purpose of the decision and its indices (epoch, restart), and on no other
axis. Two runs that differ in an optimizer or a backend therefore start from the same weights, first centroids and first
batch: common random numbers, which make paired comparisons valid.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import torch

Purpose = Literal[
    "limit", "split", "weights", "head", "dropout", "kmeans", "refill", "refit", "chance", "test", "sampler", "augment",
    "map",
]  # fmt: skip


def _derive_seed(seed: int, purpose: Purpose, indices: tuple[int, ...]) -> int:
    key = "/".join([str(seed), purpose, *map(str, indices)])
    # A hash, not a sum: neighbouring seeds and epochs give unrelated generators. torch takes 63 bits at most.
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1


def numpy_generator(seed: int, purpose: Purpose, *indices: int) -> np.random.Generator:
    """Return the NumPy generator of a decision; `indices` are its epoch, restart and so on."""
    # PCG64 is named, since NumPy may change what default_rng() uses.
    return np.random.Generator(np.random.PCG64(_derive_seed(seed, purpose, indices)))


def torch_generator(seed: int, purpose: Purpose, *indices: int) -> torch.Generator:
    """Return the torch generator of a decision; it lives on the CPU, so that every device gets the same numbers."""
    return torch.Generator().manual_seed(_derive_seed(seed, purpose, indices))
