"""Street View House Numbers, without the `extra` split: 32 px colour images of digits."""

from __future__ import annotations

from pathlib import Path

import torchvision.datasets

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Pixels

FACTS = {
    "train": 73257, "test": 26032, "classes": 10, "channels": 3, "side": 32,
    "files": ["train_32x32.mat", "test_32x32.mat"],
}  # fmt: skip


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels]:
    """Read an official split."""
    dataset = torchvision.datasets.SVHN(data_dir, split="train" if train else "test")
    return dataset.data, dataset.labels


def download(data_dir: Path) -> None:
    """Download both splits."""
    for split in ("train", "test"):
        torchvision.datasets.SVHN(data_dir, split=split, download=True)
