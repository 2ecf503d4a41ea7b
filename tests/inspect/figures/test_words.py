"""Names of classes and descriptions of images and filters in figures."""

import pytest

from dcbench.inspect.figures import describe_filter_range, describe_images, shorten_class_names
from tests.helpers.inspection_results import make_result


def test_class_names_that_the_font_cannot_draw_are_replaced():
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
def test_the_images_are_described_with_the_input_of_the_network(values, expected):
    assert describe_images(make_result(**values)).endswith(expected)


def test_the_range_of_filters_is_described():
    assert describe_filter_range(make_result(filters=5), "first") == "All 5 filters"
    assert describe_filter_range(make_result(filters=5), "last") == "Filters 0 to 4 of 8 (by number, not chosen)"
