"""Writes small files in the official formats, for datasets whose files are not available."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torchvision.datasets
from PIL import Image

RNG = np.random.default_rng(0)
IDX_NAMES = {True: "train", False: "t10k"}


def labels(n: int, classes: int) -> np.ndarray:
    return (np.arange(n) % classes).astype(np.uint8)


def idx(folder: Path, train: bool, n: int = 40) -> np.ndarray:
    """Write MNIST's format: a big-endian magic number, the sizes, the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    head = (0x803).to_bytes(4, "big") + b"".join(side.to_bytes(4, "big") for side in pixels.shape)
    (folder / f"{IDX_NAMES[train]}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
    head = (0x801).to_bytes(4, "big") + n.to_bytes(4, "big")
    (folder / f"{IDX_NAMES[train]}-labels-idx1-ubyte").write_bytes(head + labels(n, 10).tobytes())
    return pixels[:, None]


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def _pickled(path: Path, content: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))
    return _md5(path)


def cifar(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: type, n: int = 20) -> dict[bool, np.ndarray]:
    """Write CIFAR's pickles, and replace torchvision's list of MD5 sums by those of the small files."""
    label = "fine_labels" if kind is torchvision.datasets.CIFAR100 else "labels"
    classes = 100 if kind is torchvision.datasets.CIFAR100 else 10
    pixels = {}
    for train, attribute in ((True, "train_list"), (False, "test_list")):
        names = [name for name, _ in getattr(kind, attribute)]
        blocks = [RNG.integers(0, 256, (n, 3072), dtype=np.uint8) for _ in names]
        listed = [
            [name, _pickled(folder / kind.base_folder / name, {"data": block, label: labels(n, classes).tolist()})]
            for name, block in zip(names, blocks, strict=True)
        ]
        monkeypatch.setattr(kind, attribute, listed)
        pixels[train] = np.concatenate(blocks).reshape(-1, 3, 32, 32)
    meta = folder / kind.base_folder / kind.meta["filename"]
    monkeypatch.setattr(
        kind, "meta", kind.meta | {"md5": _pickled(meta, {kind.meta["key"]: [str(c) for c in range(classes)]})}
    )
    return pixels


def svhn(folder: Path, monkeypatch: pytest.MonkeyPatch, n: int = 30) -> dict[bool, np.ndarray]:
    """Write SVHN's MATLAB files: (32, 32, 3, n), with the digit 0 as 10."""
    pixels, kind = {}, torchvision.datasets.SVHN
    listed = dict(kind.split_list)
    for train, name in ((True, "train"), (False, "test")):
        block = RNG.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
        digits = labels(n, 10)[:, None]
        path = folder / f"{name}_32x32.mat"
        scipy.io.savemat(path, {"X": block.transpose(2, 3, 1, 0), "y": np.where(digits == 0, 10, digits)})
        listed[name] = [listed[name][0], listed[name][1], _md5(path)]
        pixels[train] = block
    monkeypatch.setattr(kind, "split_list", listed)
    return pixels


def stl10(folder: Path, monkeypatch: pytest.MonkeyPatch, n: int = 20) -> dict[bool, np.ndarray]:
    """Write STL-10's raw bytes: column-major images, labels from 1."""
    kind, inside = torchvision.datasets.STL10, folder / "stl10_binary"
    inside.mkdir(parents=True)
    pixels, md5 = {}, {}
    for train, name in ((True, "train"), (False, "test")):
        block = RNG.integers(0, 256, (n, 3, 96, 96), dtype=np.uint8)
        (inside / f"{name}_X.bin").write_bytes(block.transpose(0, 1, 3, 2).tobytes())
        (inside / f"{name}_y.bin").write_bytes((labels(n, 10) + 1).tobytes())
        pixels[train] = block
    for path in inside.iterdir():
        md5[path.name] = _md5(path)
    monkeypatch.setattr(kind, "train_list", [[name, md5.get(name, old)] for name, old in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [[name, md5[name]] for name, _ in kind.test_list])
    return pixels


TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}


def provide(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[bool, np.ndarray] | None:
    """Write the dataset's files to the folder; return the pixels of both splits, where they are made up."""
    if name in TORCHVISION:
        return {train: idx(folder / TORCHVISION[name] / "raw", train) for train in (True, False)}
    if name in ("cifar10", "cifar100"):
        return cifar(folder, monkeypatch, getattr(torchvision.datasets, name.upper()))
    if name == "svhn":
        return svhn(folder, monkeypatch)
    if name == "stl10":
        return stl10(folder, monkeypatch)
    if name == "imagefolder":
        for label in ("cat", "dog"):
            for index in range(12):
                path = folder / "pictures" / label / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    return None
