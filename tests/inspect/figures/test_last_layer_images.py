import numpy as np

from dcbench.inspect.figures import last_layer_images
from dcbench.inspect.image_sheet import enlarge, to_rgb
from dcbench.inspect.result import InspectionResult
from tests.helpers.inspection_results import make_result


def test_each_row_has_the_images_of_a_filter_in_order_without_frames():
    result = make_result(filters=4, side=32, dataset="mnist")
    (axes,) = last_layer_images.draw(result).axes
    picture = np.asarray(axes.images[0].get_array())
    pitch = 32 * 1.08
    for number in range(4):
        y, first_column = round(number % 2 * pitch), number // 2 * (2.6 + 8 + 0.6)
        for column, position in enumerate(result["last_answers"][number]):
            x = round((first_column + 2.6 + column) * pitch)
            assert (picture[y : y + 32, x : x + 32] == enlarge(to_rgb(result.image(position)), 32)).all()
    assert not axes.patches


def test_each_row_has_the_most_frequent_label():
    result = make_result(filters=2, classes=3, names=["ant", "bee", "cat"])
    labels = np.zeros(90, int)
    labels[:3] = 2
    answers = np.array([[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 0, 1, 2, 3]])
    (axes,) = last_layer_images.draw(
        InspectionResult(arrays={**result.arrays, "labels": labels, "last_answers": answers}, facts=result.facts)
    ).axes
    assert [text.get_text() for text in axes.texts if "of" in text.get_text()] == ["0: 5 of 8\nant", "1: 6 of 8\ncat"]


def test_the_caption_counts_filters_and_images():
    text = last_layer_images.caption(make_result(filters=5))
    assert text.startswith("Filters 0 to 4 of 8 (by number, not chosen) of the last convolution, each with the 8 of 90")
