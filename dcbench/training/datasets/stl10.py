"""STL-10, the labelled splits: 96 px colour photographs of 10 classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torchvision.datasets
from torchvision.datasets.utils import check_integrity

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Pixels

FACTS = {
    "train": 5000, "test": 8000, "classes": 10, "channels": 3, "side": 96,
    "class_names": ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"],
    "files": [
        "stl10_binary/train_X.bin", "stl10_binary/train_y.bin", "stl10_binary/test_X.bin", "stl10_binary/test_y.bin",
    ],
}  # fmt: skip


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels]:
    """Read an official labelled split."""
    # torchvision's own reader needs the 2.7 GB of unlabelled images as well, so the two files are read here.
    official = torchvision.datasets.STL10
    folder = data_dir / official.base_folder
    for name, md5 in official.train_list[:2] if train else official.test_list:
        if not check_integrity(folder / name, md5):
            raise ValueError(f"{name} has another MD5 than the official file")
    split = "train" if train else "test"
    pixels = np.fromfile(folder / f"{split}_X.bin", dtype=np.uint8).reshape(-1, 3, 96, 96)
    labels = np.fromfile(folder / f"{split}_y.bin", dtype=np.uint8).astype(np.int64)
    # The files store each image column by column, and number the classes from 1.
    return np.ascontiguousarray(pixels.transpose(0, 1, 3, 2)), labels - 1


def download(data_dir: Path) -> None:
    """Download the archive of all splits."""
    torchvision.datasets.STL10(data_dir, download=True)
