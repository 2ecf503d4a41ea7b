"""What figures call classes, and what they say of the images."""

import pytest

from dcbench.inspect.figures import describe_filter_range, describe_images, shorten_class_names
from tests.helpers.inspection_results import make_result


def test_classes_are_called_by_what_the_font_can_draw():
    names = ["cat", "3", "cat 🐈", "ñandú", "", "x" * 40]
    assert shorten_class_names(make_result(classes=6, names=names)) == [
        "cat", "label 1", "label 2", "ñandú", "label 4", "x" * 8 + "…" + "x" * 7,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "the dataset's own."),
        ({"channels": 1}, "the dataset's own."),
        ({"channels": 2}, "own; the network saw the Sobel gradients of their grey versions."),
        ({"dataset": "cifar10", "channels": 1}, "own; the network saw them in grey."),
        ({"dataset": "cifar10", "channels": 1, "method": "pixels", "epochs": 0}, "own; k-means saw them in grey."),
        ({"dataset": "cifar10"}, "the dataset's own."),
    ],
)
def test_what_the_images_are(values, expected):
    assert describe_images(make_result(**values)).endswith(expected)


def test_filters_are_shown_by_number():
    assert describe_filter_range(make_result(filters=5), "first") == "All 5 filters"
    assert describe_filter_range(make_result(filters=5), "last") == "Filters 0 to 4 of 8 (by number, not chosen)"
