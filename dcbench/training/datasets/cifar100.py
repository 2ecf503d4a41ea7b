"""CIFAR-100: 32 px colour photographs of 100 (fine) classes."""

from __future__ import annotations

from pathlib import Path

import torchvision.datasets

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Pixels, to_channels_first

FACTS = {
    "train": 50000, "test": 10000, "classes": 100, "channels": 3, "side": 32,
    "files": ["cifar-100-python/train", "cifar-100-python/test", "cifar-100-python/meta"],
}  # fmt: skip


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels]:
    """Read an official split."""
    # torchvision checks the MD5 of the files before it unpickles them: a pickle can run code.
    dataset = torchvision.datasets.CIFAR100(data_dir, train=train)
    return to_channels_first(dataset.data), dataset.targets


def download(data_dir: Path) -> None:
    """Download both splits."""
    torchvision.datasets.CIFAR100(data_dir, download=True)
