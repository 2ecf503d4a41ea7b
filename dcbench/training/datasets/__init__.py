"""Define a dataset: labelled images in a training split and a test split.

In: a data folder and a RunSpec. Out: a Split of uint8 images and labels, cut to the size that the spec asks for.

A dataset is one file, `NAME.py`, with a function and its facts:

    load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels]
        Read all images of one split, in the official order: pixels `(n, c, s, s)` uint8, and labels `(n,)` int64 from
        0 on. The images are square, with c = 1 or 3 channels and a side of s px; dcbench standardises and resizes them.
        If both splits are parts of one collection, return a third array: the positions `(n,)` int64 of the split's
        images in the collection. The audit then verifies that no image is in both.

    FACTS = {"train": 60000, "test": 10000, "classes": 10, "channels": 1, "side": 28, "files": ["raw/images"]}
        One literal, which is read without importing the file. All but `channels` may be left out if only the files
        can tell.
        train, test  numbers of images
        classes      number of classes
        channels     1 for grey images, 3 for colour images
        side         side of the images (px)
        class_names  names of the classes, in the order of the labels
        files        paths below the data folder; if one is missing, `dcbench run` downloads the dataset
        duplicates   how many training images are known to be, pixel for pixel, images of the test split
        argument     what follows the name in a spec, such as PATH in `imagefolder:PATH`; registry.split_name splits it

Optional:

    download(data_dir: Path) -> None
        Get `files` from the network; needed if there are any.
    class_names(data_dir: Path, spec: RunSpec) -> list[str]
        Return the names of the classes, if only the files can tell them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dcbench import registry
from dcbench.core.matrix.validate import find_spec_problems
from dcbench.core.spec import RunSpec
from dcbench.errors import DataError
from dcbench.training import seeds

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Split:
    """The images of one split that a run uses."""

    pixels: Pixels
    """Images, `(n, c, s, s)`."""
    labels: Labels
    """Class of each image, `(n,)`."""
    indices: Labels
    """Position of each image in its pool, `(n,)`."""
    pool: str = "train"
    """Collection that the positions refer to: `train` or `test`, or `all` if both splits are parts of one."""

    @property
    def class_count(self) -> int:
        """Number of classes, counted from the labels 0, 1, ..."""
        return int(self.labels.max()) + 1

    def digest(self) -> str:
        """Return the SHA-256 of images and labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.pixels).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def select(self, positions: Labels) -> Split:
        """Return the images at these positions of the split."""
        pixels, labels, indices = self.pixels[positions], self.labels[positions], self.indices[positions]
        return replace(self, pixels=pixels, labels=labels, indices=indices)


def load_training(spec: RunSpec, data_dir: Path) -> Split:
    """Load the training images of a run: all, or `limit` of them, class-balanced and chosen by the seed."""
    split = _load_split(spec, data_dir, train=True)
    # Planning has checked all datasets but image folders, whose images are only counted here.
    for problem in find_spec_problems(spec, available=len(split.labels)):
        raise DataError(f"{spec.dataset}: {problem.message}")
    if spec.limit is None:
        return split
    return split.select(choose_balanced(split.labels, spec.limit, seeds.numpy_generator(spec, "limit")))


def load_test(spec: RunSpec, data_dir: Path) -> Split:
    """Load the test images of a run: all, or `test_limit` of them, class-balanced and chosen by the seed."""
    split = _load_split(spec, data_dir, train=False)
    if spec.test_limit is None:
        return split
    if spec.test_limit > len(split.labels):
        raise DataError(
            f"{spec.dataset}: test_limit {spec.test_limit} is more than the {len(split.labels)} test images"
        )
    return split.select(choose_balanced(split.labels, spec.test_limit, seeds.numpy_generator(spec, "test")))


def count_shared_indices(first: Split, second: Split) -> int:
    """Return how many images of a common pool are in both splits."""
    return len(np.intersect1d(first.indices, second.indices)) if first.pool == second.pool else 0


def count_duplicates(training: Split, test: Split) -> int:
    """Return how many training images are, pixel for pixel, images of the test split."""

    def hash_image(image: Pixels) -> bytes:
        return hashlib.sha256(np.ascontiguousarray(image).data).digest()

    test_hashes = {hash_image(image) for image in test.pixels}
    return sum(hash_image(image) in test_hashes for image in training.pixels)


def choose_balanced(labels: Labels, limit: int, rng: np.random.Generator) -> Labels:
    """Return `limit` ascending positions, spread over the classes as evenly as their sizes allow."""
    order = rng.permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    # First one image of each class, then a second one, and so on; within a turn the classes are in random order.
    by_turn = order[np.argsort(turn[order], kind="stable")]
    return np.sort(by_turn[:limit])


def _load_split(spec: RunSpec, data_dir: Path, train: bool) -> Split:
    files = registry.facts("datasets", spec.dataset).get("files", [])
    require_files(spec.dataset, files, data_dir)
    with explain_read_errors(spec.dataset, files, data_dir):
        pixels, labels, *positions = registry.load("datasets", spec.dataset).load(data_dir, spec, train)
    if len(pixels) != len(labels):
        raise DataError(
            f"{spec.dataset} in {data_dir} has {len(pixels)} images and {len(labels)} labels; download it again"
        )
    # 28 px images are zero-padded to 32. Every other change of size is a resize on the device.
    if pixels.shape[-1] == 28 and spec.image_size == 32:
        pixels = np.pad(pixels, ((0, 0), (0, 0), (2, 2), (2, 2)))
    labels = np.asarray(labels, dtype=np.int64)
    if positions:
        return Split(pixels=pixels, labels=labels, indices=positions[0], pool="all")
    indices = np.arange(len(labels))
    return Split(pixels=pixels, labels=labels, indices=indices, pool="train" if train else "test")


def require_files(dataset: str, files: list[str], data_dir: Path) -> None:
    """Raise DataError if files of the dataset are missing."""
    missing = [file for file in files if not (data_dir / file).exists()]
    if missing:
        raise DataError(
            f"{dataset} is not in {data_dir} (missing: {', '.join(missing)}). `dcbench run` downloads it if there is a "
            "network; without one, put the official files there, or name the folder that has them with --data-dir"
        )


@contextmanager
def explain_read_errors(dataset: str, files: list[str], data_dir: Path) -> Iterator[None]:
    """Turn any error that a reader raises on damaged files into a DataError that names them."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except OSError as error:
        raise DataError(f"{dataset}: {error.filename or data_dir}: {error.strerror or error}") from error
    except Exception as error:
        # A dataset without files cannot have damaged ones: the error is a bug in its code.
        if not files:
            raise
        paths = {file: data_dir / file for file in files}
        sizes = ", ".join(
            f"{file} ({f'{path.stat().st_size:,} bytes' if path.exists() else 'missing'})"
            for file, path in paths.items()
        )
        raise DataError(
            f"{dataset} in {data_dir} cannot be read: {' '.join(str(error).split())[:300]}. One of its files is "
            f"incomplete: {sizes}. Delete that file, and `dcbench run` downloads the dataset again"
        ) from error


def to_channels_first(pixels: Any) -> Pixels:
    """Return images `(n, s, s)` or `(n, s, s, c)` as `(n, c, s, s)` uint8."""
    array = np.asarray(pixels, dtype=np.uint8)
    return array[:, None] if array.ndim == 3 else np.ascontiguousarray(array.transpose(0, 3, 1, 2))
