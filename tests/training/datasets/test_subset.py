"""The subset that `limit` chooses, zero-padding, and errors in the data."""

import numpy as np
import pytest

from dcbench import registry
from dcbench.core.spec import make_spec
from dcbench.errors import DataError
from dcbench.training import datasets, seeds


def test_the_subset_of_a_limit_is_class_balanced_and_sorted():
    labels = np.repeat([0, 1, 2], [500, 300, 5])
    chosen = datasets.choose_balanced(labels, 100, seeds.numpy_generator(0, "limit"))
    assert (np.diff(chosen) > 0).all() and len(chosen) == 100
    sizes = np.bincount(labels[chosen])
    assert sizes[2] == 5 and abs(int(sizes[0]) - int(sizes[1])) <= 1


def test_the_subset_depends_on_the_seed_only(tmp_path):
    base = {"limit": 50, "pca_dim": 8}
    first = datasets.load_training(make_spec(base), tmp_path)
    for values in ({"arch": "vgg16"}, {"input_channels": 1}, {"optimizer": "adam"}, {"backend": "torch"}, {"k": 5}):
        other = datasets.load_training(make_spec(base | values), tmp_path)
        assert (other.indices == first.indices).all() and other.digest() == first.digest()
    assert (datasets.load_training(make_spec(base | {"seed": 1}), tmp_path).indices != first.indices).any()


def test_a_larger_limit_contains_the_smaller(tmp_path):
    small, large = (
        set(datasets.load_training(make_spec({"limit": n, "pca_dim": 8}), tmp_path).indices) for n in (50, 200)
    )
    assert small < large


def test_images_keep_their_labels(tmp_path):
    whole = datasets.load_training(make_spec({}), tmp_path)
    subset = datasets.load_training(make_spec({"limit": 50, "pca_dim": 8}), tmp_path)
    assert (whole.pixels[subset.indices] == subset.pixels).all() and (
        whole.labels[subset.indices] == subset.labels
    ).all()


def test_28_px_images_are_zero_padded_to_32(tmp_path, monkeypatch):
    pixels = np.full((10, 1, 28, 28), 9, dtype=np.uint8)
    monkeypatch.setattr(registry.load("datasets", "digits"), "load", lambda *_: (pixels, np.arange(10)))
    padded = datasets.load_test(make_spec({"image_size": 32}), tmp_path).pixels
    assert padded.shape == (10, 1, 32, 32) and padded.sum() == pixels.sum() and (padded[:, 0, 2:30, 2:30] == 9).all()
    assert datasets.load_test(make_spec({"image_size": 224}), tmp_path).pixels.shape == (10, 1, 28, 28)


def test_k_larger_than_the_images_is_an_error_at_the_start(tmp_path):
    with pytest.raises(DataError, match="k 2000 is more than the 1438"):
        datasets.load_training(make_spec({"k": 2000}), tmp_path)


def test_the_digest_depends_on_the_labels(tmp_path):
    split = datasets.load_training(make_spec({"limit": 20, "pca_dim": 8}), tmp_path)
    other = datasets.Split(pixels=split.pixels, labels=split.labels[::-1].copy(), indices=split.indices)
    assert split.digest() != other.digest()


def test_different_numbers_of_images_and_labels_are_an_error(tmp_path, monkeypatch):
    plugin = registry.load("datasets", "digits")
    real = plugin.load
    monkeypatch.setattr(plugin, "load", lambda *args: (real(*args)[0], real(*args)[1][:-1]))
    with pytest.raises(DataError, match="1438 images and 1437 labels"):
        datasets.load_training(make_spec({}), tmp_path)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), MemoryError),
        (PermissionError(13, "Permission denied", "/data/x"), "/data/x: Permission denied"),
        (RuntimeError("bug"), RuntimeError),
    ],
)
def test_errors_other_than_unreadable_files_are_not_converted(tmp_path, monkeypatch, error, expected):
    def fail(*_):
        raise error

    monkeypatch.setattr(registry.load("datasets", "digits"), "load", fail)
    with pytest.raises(
        DataError if isinstance(expected, str) else expected, match=None if not isinstance(expected, str) else expected
    ):
        datasets.load_training(make_spec({}), tmp_path)
