"""STL-10's labelled splits: 96 px colour photographs of 10 classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torchvision.datasets
from torchvision.datasets.utils import check_integrity

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Pixels

FACTS = {
    "train": 5000, "test": 8000, "classes": 10, "channels": 3, "side": 96,
    "class_names": [
        "airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck",
    ],
    "files": [
        "stl10_binary/train_X.bin", "stl10_binary/train_y.bin", "stl10_binary/test_X.bin", "stl10_binary/test_y.bin",
    ],
}  # fmt: skip


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels]:
    """The official labelled split, read from its own two files: torchvision wants the 2.7 GB unlabelled one as well."""
    kind = torchvision.datasets.STL10
    folder = data_dir / kind.base_folder
    for name, md5 in kind.train_list[:2] if train else kind.test_list:
        if not check_integrity(folder / name, md5):
            raise ValueError(f"{name} has another MD5 than the official file")
    split = "train" if train else "test"
    pixels = np.fromfile(folder / f"{split}_X.bin", dtype=np.uint8).reshape(-1, 3, 96, 96)
    labels = np.fromfile(folder / f"{split}_y.bin", dtype=np.uint8).astype(np.int64)
    return np.ascontiguousarray(pixels.transpose(0, 1, 3, 2)), labels - 1  # stored column by column, from class 1


def download(data_dir: Path) -> None:
    """Fetch the archive, which holds all splits."""
    torchvision.datasets.STL10(data_dir, download=True)
