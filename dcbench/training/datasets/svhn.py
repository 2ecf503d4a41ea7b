"""Street View House Numbers: 32 px colour crops of digits (without the `extra` split)."""

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
    """The official split."""
    found = torchvision.datasets.SVHN(data_dir, split="train" if train else "test")
    return found.data, found.labels


def download(data_dir: Path) -> None:
    """Fetch both splits."""
    for split in ("train", "test"):
        torchvision.datasets.SVHN(data_dir, split=split, download=True)
