"""The seed tree: one generator for each random decision of a run.

A generator follows from the run's seed, its purpose and where in the run it is used, and never from an axis
that it has no business with. Two runs that differ in an optimizer or a backend thus start from the same weights,
first centroids and first batch: common random numbers, which make paired comparisons valid.
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


def _root(seed: int, purpose: Purpose, place: tuple[int, ...]) -> int:
    words = "/".join([str(seed), purpose, *map(str, place)])
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "little") >> 1


def numpy_generator(seed: int, purpose: Purpose, *place: int) -> np.random.Generator:
    """The NumPy generator of a decision; `place` is its epoch, restart and so on."""
    return np.random.Generator(np.random.PCG64(_root(seed, purpose, place)))


def torch_generator(seed: int, purpose: Purpose, *place: int) -> torch.Generator:
    """The same as a torch generator on the CPU, so that every device sees the same numbers."""
    return torch.Generator().manual_seed(_root(seed, purpose, place))
