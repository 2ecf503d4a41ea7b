"""CIFAR-10: 32 px colour photographs of 10 classes."""

from __future__ import annotations

from pathlib import Path

import torchvision.datasets

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Pixels, to_channels_first

FACTS = {
    "train": 50000, "test": 10000, "classes": 10, "channels": 3, "side": 32, "duplicates": 0,
    "class_names": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    "files": [
        "cifar-10-batches-py/data_batch_1", "cifar-10-batches-py/data_batch_2", "cifar-10-batches-py/data_batch_3",
        "cifar-10-batches-py/data_batch_4", "cifar-10-batches-py/data_batch_5", "cifar-10-batches-py/test_batch",
        "cifar-10-batches-py/batches.meta",
    ],
}  # fmt: skip


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels]:
    """Read an official split."""
    # torchvision checks the MD5 of the files before it unpickles them: a pickle can run code.
    dataset = torchvision.datasets.CIFAR10(data_dir, train=train)
    return to_channels_first(dataset.data), dataset.targets


def download(data_dir: Path) -> None:
    """Download both splits."""
    torchvision.datasets.CIFAR10(data_dir, download=True)
