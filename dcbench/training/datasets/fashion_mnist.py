"""Fashion-MNIST: 28 px grey images of clothes."""

from __future__ import annotations

from pathlib import Path

import torchvision.datasets

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Pixels, to_channels_first

FACTS = {
    "train": 60000, "test": 10000, "classes": 10, "channels": 1, "side": 28,
    "class_names": [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ],
    "files": [
        "FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST/raw/train-labels-idx1-ubyte",
        "FashionMNIST/raw/t10k-images-idx3-ubyte", "FashionMNIST/raw/t10k-labels-idx1-ubyte",
    ],
}  # fmt: skip


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels]:
    """Read an official split."""
    dataset = torchvision.datasets.FashionMNIST(data_dir, train=train)
    return to_channels_first(dataset.data), dataset.targets.numpy()


def download(data_dir: Path) -> None:
    """Download both splits."""
    torchvision.datasets.FashionMNIST(data_dir, download=True)
