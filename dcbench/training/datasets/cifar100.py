"""CIFAR-100: 32 px colour photographs of 100 (fine) classes; the MD5 is checked before unpickling."""

from __future__ import annotations

from pathlib import Path

import torchvision.datasets

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Pixels, channels_first

FACTS = {
    "train": 50000, "test": 10000, "classes": 100, "channels": 3, "side": 32,
    "files": ["cifar-100-python/train", "cifar-100-python/test", "cifar-100-python/meta"],
}  # fmt: skip


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels]:
    """The official split."""
    found = torchvision.datasets.CIFAR100(data_dir, train=train)
    return channels_first(found.data), found.targets


def download(data_dir: Path) -> None:
    """Fetch both splits."""
    torchvision.datasets.CIFAR100(data_dir, download=True)
