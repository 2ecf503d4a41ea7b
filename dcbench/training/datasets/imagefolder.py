"""A folder of the user's own images: PATH/<class>/*.jpg, or PATH/train/<class>/ beside PATH/test/<class>/ or PATH/val/.

A relative PATH starts at the data folder. Without a folder of test images, a seeded 20 % of all images are the test
split. Every image is decoded once, into a memory-mapped file that all processes of the machine share. Large collections
should have a folder of test images: cutting a split from all images copies them into memory.
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

TEST_FOLDERS = ("test", "val", "valid")
"""Names of the folder of test images; the first that exists is used. Beside class folders, none of them is a class."""

TEST_SHARE = 0.2

LabelledFiles = list[tuple[Path, int]]
"""Image files, each with its class."""


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels] | tuple[Pixels, Labels, Labels]:
    """Read a split as colour images, their shorter side resized to `image_size` and their centre cropped."""
    root = data_dir / str(split_name(spec.dataset)[1])
    if not root.is_dir():
        raise DataError(f"{spec.dataset}: {root} is not a folder; name one with a folder of images for each class")
    training = _training_folder(root)
    classes = _list_classes(training)
    test_folders = [root / name for name in TEST_FOLDERS if (root / name).is_dir()]
    folder = training if train or not test_folders else test_folders[0]
    files: LabelledFiles = []
    for label, name in enumerate(classes):
        paths = (folder / name).rglob("*") if (folder / name).is_dir() else iter(())
        # Sorted, because the order in which a file system lists files differs from machine to machine.
        images = sorted(path for path in paths if path.suffix.lower() in IMG_EXTENSIONS)
        if not images:
            raise DataError(f"{folder / name}: holds no image ({', '.join(IMG_EXTENSIONS)})")
        files += [(path, label) for path in images]

    pixels = _read_images(files, spec.image_size, data_dir / "decoded")
    labels = np.array([label for _, label in files], dtype=np.int64)
    if test_folders:
        return pixels, labels
    order = seeds.numpy_generator(spec, "split").permutation(len(files))
    test_count = max(1, round(TEST_SHARE * len(files)))
    positions = np.sort(order[test_count:] if train else order[:test_count])
    return pixels[positions], labels[positions], positions


def class_names(data_dir: Path, spec: RunSpec) -> list[str]:
    """Return the names of the class folders."""
    return _list_classes(_training_folder(data_dir / str(split_name(spec.dataset)[1])))


def _training_folder(root: Path) -> Path:
    return root / "train" if (root / "train").is_dir() else root


def _list_classes(training: Path) -> list[str]:
    # Inside a folder `train`, `test` and `val` can only be classes.
    reserved = () if training.name == "train" else TEST_FOLDERS
    classes = sorted(path.name for path in training.iterdir() if path.is_dir() and path.name not in reserved)
    if len(classes) < 2:
        number = f"only one, {classes[0]!r}" if classes else "none"
        raise DataError(f"{training}: needs a folder of images for each of at least two classes, and has {number}")
    return classes


def _read_images(files: LabelledFiles, size: int, cache: Path) -> Pixels:
    """Return the images as a memory map `(n, 3, size, size)`; the first process that needs them decodes them."""
    # The name of the decoded file follows from the images, so that a changed image is decoded again.
    stats = "\n".join(f"{path}\t{path.stat().st_size}\t{path.stat().st_mtime_ns}" for path, _ in files)
    name = hashlib.sha256(f"{size}\n{stats}".encode()).hexdigest()[:24]
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{cache}: {error.strerror}; the decoded images are kept there: name a folder you can write with --data-dir"
        ) from None
    decoded_file, partial_file = cache / f"{name}.npy", cache / f"{name}.part"
    with (cache / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not decoded_file.exists():
            pixels = np.lib.format.open_memmap(
                partial_file, mode="w+", dtype=np.uint8, shape=(len(files), 3, size, size)
            )
            # Threads suffice: PIL decodes outside Python's global lock.
            problems = joblib.Parallel(n_jobs=torch.get_num_threads(), prefer="threads")(
                joblib.delayed(_decode_into)(pixels, index, path, size) for index, (path, _) in enumerate(files)
            )
            unreadable = [problem for problem in problems if problem]
            if unreadable:
                partial_file.unlink()
                more = f" and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
                raise DataError(f"unreadable images: {'; '.join(unreadable[:5])}{more}. Remove or replace them")
            pixels.flush()
            os.replace(partial_file, decoded_file)
    # Copy on write: nobody can change the file through the images.
    images: Pixels = np.load(decoded_file, mmap_mode="c")
    return images


def _decode_into(pixels: Pixels, index: int, path: Path, size: int) -> str | None:
    """Decode an image into its place; return what is wrong with it, or None."""
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        left, top = (width - size) // 2, (height - size) // 2
        resized = image.resize((width, height), Image.Resampling.BILINEAR)
        pixels[index] = np.asarray(resized.crop((left, top, left + size, top + size))).transpose(2, 0, 1)
    except Exception as error:  # PIL's many readers raise many types, SyntaxError among them
        return f"{path} ({error})"
    return None
