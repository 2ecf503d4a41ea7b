"""Datasets: uint8 images and labels, train and test apart. What they share lives here.

A part is `load(data_dir, spec, train) -> (pixels, labels)`: `(n, c, s, s)` uint8 and `(n,)` int64 in the official
order, and third, where both splits are cut from one pool of images, the positions `(n,)` there; `download(data_dir)`
where the files can be had; and FACTS: train and test images, classes, channels, side (px), the files under the data
folder, `duplicates`, the images that are known to stand in both splits, and `class_names`, where the classes have any;
a part whose classes are only known on disk has `class_names(data_dir, spec)` instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dcbench import registry
from dcbench.core.matrix.validate import spec_problems
from dcbench.core.spec import RunSpec
from dcbench.errors import DataError
from dcbench.training import seeds

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Images `(n, c, s, s)` uint8 with labels `(n,)`, and their positions `(n,)` in the pool they come from.

    The pool is `train` or `test` where these come apart, else `all`.
    """

    pixels: Pixels
    labels: Labels
    indices: Labels
    pool: str = "train"

    @property
    def classes(self) -> int:
        """Number of classes, counted from the labels 0, 1, ..."""
        return int(self.labels.max()) + 1

    def digest(self) -> str:
        """SHA-256 of images and labels, as they are used."""
        digest = hashlib.sha256(np.ascontiguousarray(self.pixels).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


def load_training(spec: RunSpec, data_dir: Path) -> Split:
    """The training images that the spec uses: `limit` of them, class-balanced, chosen by the seed."""
    found = _load(spec, data_dir, train=True)
    for _, message in spec_problems(spec, available=len(found.labels)):
        raise DataError(f"{spec.dataset}: {message}")
    if spec.limit is None:
        return found
    return _part(found, balanced(found.labels, spec.limit, seeds.numpy_generator(spec.seed, "limit")))


def load_test(spec: RunSpec, data_dir: Path) -> Split:
    """The test images that the spec scores: all, or `test_limit`. They never train, and never fit anything."""
    found = _load(spec, data_dir, train=False)
    if spec.test_limit is None:
        return found
    if spec.test_limit > len(found.labels):
        told = f"test_limit {spec.test_limit} is more than the {len(found.labels)} test images"
        raise DataError(f"{spec.dataset}: {told}")
    return _part(found, balanced(found.labels, spec.test_limit, seeds.numpy_generator(spec.seed, "test")))


def _part(split: Split, chosen: Labels) -> Split:
    return Split(split.pixels[chosen], split.labels[chosen], split.indices[chosen], split.pool)


def shared_indices(one: Split, other: Split) -> int:
    """How many images of one pool stand in both splits."""
    return len(np.intersect1d(one.indices, other.indices)) if one.pool == other.pool else 0


def duplicates(training: Split, test: Split) -> int:
    """How many training images are, pixel for pixel, images of the test split."""
    held_out = {_hash(image) for image in test.pixels}
    return sum(_hash(image) in held_out for image in training.pixels)


def _hash(image: Pixels) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()


def balanced(labels: Labels, limit: int, rng: np.random.Generator) -> Labels:
    """Positions `(limit,)`, ascending, as evenly over the classes as their sizes allow."""
    order = rng.permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    # first one image of every class, then a second, ...; inside a turn the classes in random order
    by_turn = order[np.argsort(turn[order], kind="stable")]
    return np.sort(by_turn[:limit])


def _load(spec: RunSpec, data_dir: Path, train: bool) -> Split:
    facts = registry.facts("datasets", spec.dataset)
    require(spec.dataset, facts.get("files", []), data_dir)
    with explained(spec.dataset, facts.get("files", []), data_dir):
        pixels, labels, *cut = registry.load("datasets", spec.dataset).load(data_dir, spec, train)
    if len(pixels) != len(labels):
        raise DataError(f"{spec.dataset} in {data_dir} has {len(pixels)} images and {len(labels)} labels; get it anew")
    labels, pixels = np.asarray(labels, dtype=np.int64), _padded(pixels, spec.image_size)
    if cut:
        return Split(pixels, labels, cut[0], "all")
    return Split(pixels, labels, np.arange(len(labels)), "train" if train else "test")


def require(dataset: str, files: list[str], data_dir: Path) -> None:
    """DataError when files of the dataset are missing."""
    missing = [file for file in files if not (data_dir / file).exists()]
    if missing:
        raise DataError(
            f"{dataset} is not in {data_dir} (missing: {', '.join(missing)}). `dcbench run` downloads it where there "
            "is a network; or put the official files there, or name the folder that has them with --data-dir"
        )


@contextmanager
def explained(dataset: str, files: list[str], data_dir: Path) -> Iterator[None]:
    """Whatever a reader raises over torn files becomes a DataError that names them."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except OSError as error:
        raise DataError(f"{dataset}: {error.filename or data_dir}: {error.strerror or error}") from error
    except Exception as error:
        if not files:
            raise
        sizes = ", ".join(f"{file} ({_size(data_dir / file)})" for file in files)
        raise DataError(
            f"{dataset} in {data_dir} cannot be read: {' '.join(str(error).split())[:300]}. "
            f"One of its files is not whole: {sizes}. Delete it, and `dcbench run` downloads it anew"
        ) from error


def _size(path: Path) -> str:
    return f"{path.stat().st_size:,} bytes" if path.exists() else "missing"


def _padded(pixels: Pixels, size: int) -> Pixels:
    """28 px images are zero-padded to 32; every other change of size is a resize on the device."""
    if pixels.shape[-1] == 28 and size == 32:
        return np.pad(pixels, ((0, 0), (0, 0), (2, 2), (2, 2)))
    return pixels


def channels_first(pixels: Any) -> Pixels:
    """`(n, s, s)` or `(n, s, s, c)` -> `(n, c, s, s)`."""
    array = np.asarray(pixels, dtype=np.uint8)
    return array[:, None] if array.ndim == 3 else np.ascontiguousarray(array.transpose(0, 3, 1, 2))
