"""A folder of one's own images: PATH/<class>/*.jpg, or PATH/train/<class>/ beside PATH/test/<class>/ (or `val`).

A relative PATH starts at the data folder. Without a `test` or `val` folder a seeded 20 % of the images are the test
split. Images are decoded once, into a memory-mapped file that all processes of the machine share; a large collection
should have its `test` folder, since choosing a seeded part of the images copies them into memory.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

import joblib
import numpy as np
import torch
from PIL import Image
from torchvision.datasets.folder import IMG_EXTENSIONS

from dcbench.core.spec import RunSpec
from dcbench.errors import DataError
from dcbench.registry import split_name
from dcbench.training import seeds
from dcbench.training.datasets import Labels, Pixels

FACTS = {"argument": "PATH", "channels": 3}

HELD_OUT = ("test", "val", "valid")
"""Folders of test images, the first that is there; beside the classes they are none."""

TEST_SHARE = 0.2

Listed = list[tuple[Path, int]]
"""Image files, each with its class."""


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels] | tuple[Pixels, Labels, Labels]:
    """Colour images, their shorter side resized to `image_size` and cropped at the centre."""
    root = data_dir / str(split_name(spec.dataset)[1])
    if not root.is_dir():
        raise DataError(f"{spec.dataset}: {root} is no folder; name one with a folder of images for each class")
    cache = data_dir / "decoded"
    training = root / "train" if (root / "train").is_dir() else root
    classes = _classes(training)
    held_out = [root / name for name in HELD_OUT if (root / name).is_dir()]
    if held_out:
        listed = _files(training if train else held_out[0], classes)
        return _decoded(listed, spec.image_size, cache), _labels(listed)
    listed = _files(training, classes)
    chosen = _part(len(listed), spec.seed, train)
    return _decoded(listed, spec.image_size, cache)[chosen], _labels(listed)[chosen], chosen


def class_names(data_dir: Path, spec: RunSpec) -> list[str]:
    """The names of the classes' folders."""
    root = data_dir / str(split_name(spec.dataset)[1])
    return _classes(root / "train" if (root / "train").is_dir() else root)


def _labels(listed: Listed) -> Labels:
    return np.array([label for _, label in listed], dtype=np.int64)


def _part(count: int, seed: int, train: bool) -> Labels:
    """Positions of one split of a folder without a `test` folder, ascending."""
    order = seeds.numpy_generator(seed, "split").permutation(count)
    tested = max(1, round(TEST_SHARE * count))
    return np.sort(order[tested:] if train else order[:tested])


def _classes(root: Path) -> list[str]:
    besides = () if root.name == "train" else HELD_OUT
    found = sorted(path.name for path in root.iterdir() if path.is_dir() and path.name not in besides)
    if len(found) < 2:
        has = f"only one, {found[0]!r}" if found else "none"
        raise DataError(f"{root}: needs a folder of images for each of at least two classes, and has {has}")
    return found


def _files(root: Path, classes: list[str]) -> Listed:
    listed = []
    for label, name in enumerate(classes):
        inside = (root / name).rglob("*") if (root / name).is_dir() else iter(())
        files = sorted(path for path in inside if path.suffix.lower() in IMG_EXTENSIONS)
        if not files:
            raise DataError(f"{root / name}: holds no image ({', '.join(IMG_EXTENSIONS)})")
        listed += [(path, label) for path in files]
    return listed


def _decoded(listed: Listed, size: int, cache: Path) -> Pixels:
    """The images as a memory map `(n, 3, size, size)`, decoded by whoever comes first."""
    told = "\n".join(f"{path}\t{path.stat().st_size}\t{path.stat().st_mtime_ns}" for path, _ in listed)
    name = hashlib.sha256(f"{size}\n{told}".encode()).hexdigest()[:24]
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = f"{cache}: {error.strerror}; the decoded images are kept there: choose a folder to write with --data-dir"
        raise DataError(told) from None
    target = cache / f"{name}.npy"
    with (cache / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _decode(listed, size, target)
    return np.load(target, mmap_mode="c")


def _decode(listed: Listed, size: int, target: Path) -> None:
    part = target.with_suffix(".part")
    shape = (len(listed), 3, size, size)
    pixels = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
    decode = joblib.delayed(_put)
    bad = joblib.Parallel(n_jobs=torch.get_num_threads(), prefer="threads")(
        decode(pixels, index, path, size) for index, (path, _) in enumerate(listed)
    )
    unreadable = [problem for problem in bad if problem]
    if unreadable:
        part.unlink()
        more = f" and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
        raise DataError(f"unreadable images: {'; '.join(unreadable[:5])}{more}. Remove or replace them")
    pixels.flush()
    os.replace(part, target)


def _put(pixels: Pixels, index: int, path: Path, size: int) -> str | None:
    """Decode one image into its place; what is wrong with it, or None."""
    try:
        with Image.open(path) as image:
            pixels[index] = _square(image.convert("RGB"), size).transpose(2, 0, 1)
    except Exception as error:  # PIL raises what its many readers raise, SyntaxError among it
        return f"{path} ({error})"
    return None


def _square(image: Image.Image, size: int) -> Pixels:
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + size, top + size)))
