"""What figures call classes, and how they tell what the images are."""

import pytest

from dcbench.inspect.figures import class_names, numbered, own_images
from tests.helpers.inspection_results import bundle


def test_classes_are_called_by_what_the_font_can_draw():
    names = ["cat", "3", "cat 🐈", "ñandú", "", "x" * 40]
    assert class_names(bundle(classes=6, names=names)) == [
        "cat", "label 1", "label 2", "ñandú", "label 4", "x" * 8 + "…" + "x" * 7,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "the dataset's own."),
        ({"channels": 1}, "the dataset's own."),
        ({"channels": 2}, "own; the network saw the Sobel gradients of their grey."),
        ({"dataset": "cifar10", "channels": 1}, "own; the network saw them in grey."),
        ({"dataset": "cifar10", "channels": 1, "method": "pixels", "epochs": 0}, "own; k-means saw them in grey."),
        ({"dataset": "cifar10"}, "the dataset's own."),
    ],
)
def test_what_the_images_are(values, expected):
    assert own_images(bundle(**values)).endswith(expected)


def test_filters_are_shown_by_number():
    assert numbered(bundle(filters=5), "first") == "All 5 filters"
    assert numbered(bundle(filters=5), "last") == "Filters 0 to 4 of 8 (by number, not chosen)"
