"""What every dataset must do: `load(data_dir, spec, train)` gives two splits that FACTS describes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from dcbench import registry
from dcbench.core.spec import RunSpec, make_spec
from dcbench.training import datasets
from dcbench.training.datasets import Split
from dcbench.training.deepcluster import images
from dcbench.training.deepcluster.network import InputChannels


def spec_of(dataset: str) -> RunSpec:
    """Return a spec of a run on the dataset (whose name may hold an argument) at 40 px."""
    return make_spec({"dataset": dataset, "image_size": 40, "pca_dim": 4, "k": 2})


def splits_of(dataset: str, folder: Path) -> dict[str, Split]:
    """Return both splits, which are loaded once for all checks."""
    return _load_splits(registry.load("datasets", dataset), dataset, folder)


@lru_cache(maxsize=1)
def _load_splits(module: ModuleType, dataset: str, folder: Path) -> dict[str, Split]:
    """Load both splits; the module is part of the key, since a file that has changed is another module."""
    spec = spec_of(dataset)
    return {"training": datasets.load_training(spec, folder), "test": datasets.load_test(spec, folder)}


def check_shapes(dataset: str, folder: Path) -> None:
    """Images are `(n, c, s, s)` uint8 and labels `(n,)` int64, with the channels, side and classes of FACTS."""
    facts = registry.facts("datasets", dataset)
    for name, split in splits_of(dataset, folder).items():
        assert split.pixels.dtype == np.uint8, f"{name} images are {split.pixels.dtype}, expected uint8"
        assert split.labels.dtype == np.int64, f"{name} labels are {split.labels.dtype}, expected int64"
        side = facts.get("side", 40)
        expected = (len(split.labels), facts["channels"], side, side)
        assert split.pixels.shape == expected, f"{name} images {split.pixels.shape}, expected {expected}"
        assert len(split.labels) > 0, f"there are no {name} images"
        classes = facts.get("classes", int(split.labels.max()) + 1)
        assert 0 <= split.labels.min() <= split.labels.max() < classes, f"{name} labels are not in 0..{classes - 1}"


def check_counts(dataset: str, folder: Path) -> None:
    """There are as many images as FACTS states, where it states a number."""
    for (name, split), fact in zip(splits_of(dataset, folder).items(), ("train", "test"), strict=True):
        expected = registry.facts("datasets", dataset).get(fact, len(split.labels))
        assert len(split.labels) == expected, f"{len(split.labels)} {name} images, FACTS says {expected}"


def check_splits(dataset: str, folder: Path) -> None:
    """No test image is a training image, pixel for pixel, beyond the duplicates that FACTS admits."""
    splits = splits_of(dataset, folder)
    assert splits["training"].digest() != splits["test"].digest(), "both splits are the same"
    shared = datasets.count_duplicates(splits["training"], splits["test"])
    admitted = registry.facts("datasets", dataset).get("duplicates", 0)
    assert shared <= admitted, f"{shared} training images are test images; put the number into FACTS['duplicates']"


def check_channels(dataset: str, folder: Path) -> None:
    """The images serve colour, grey and Sobel gradients."""
    pixels = torch.from_numpy(splits_of(dataset, folder)["training"].pixels)
    batch = images.make_training_images(pixels, 32, torch.device("cpu")).plain(torch.arange(min(2, len(pixels))))
    for channels in (1, 2, 3):
        shape = tuple(InputChannels(channels)(batch).shape)
        assert shape == (len(batch), channels, 32, 32), f"input_channels {channels} gives {shape}"


def check_repeatable(dataset: str, folder: Path) -> None:
    """Loading twice gives the same images in the same order."""
    first, second = splits_of(dataset, folder)["training"], datasets.load_training(spec_of(dataset), folder)
    assert first.digest() == second.digest(), "two loads give other images, or another order"
