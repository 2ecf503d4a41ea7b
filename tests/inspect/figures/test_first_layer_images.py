import numpy as np
from matplotlib.colors import to_hex

from dcbench.inspect.figures import first_layer_images, make_filter_tiles
from dcbench.inspect.image_sheet import FRAME_COLOUR, enlarge, to_rgb
from dcbench.inspect.result import InspectionResult
from tests.helpers.inspection_results import make_result


def test_each_filter_is_followed_by_its_images():
    result = make_result(filters=4, side=32, dataset="mnist")
    (axes,) = first_layer_images.draw(result).axes
    picture = np.asarray(axes.images[0].get_array())
    pitch, tiles = 32 * 1.08, make_filter_tiles(result, "filters")
    block = 2 + 1 + 0.3 + 8 + 0.6
    for number in range(4):
        y, first_column = round(number % 2 * pitch), number // 2 * block
        x = round((first_column + 2) * pitch)
        assert (picture[y : y + 32, x : x + 32] == enlarge(tiles[number, 0], 32)).all()
        for column, position in enumerate(result["first_answers"][number]):
            x = round((first_column + 3.3 + column) * pitch)
            assert (picture[y : y + 32, x : x + 32] == enlarge(to_rgb(result.image(position)), 32)).all()


def test_frames_are_at_the_receptive_fields():
    result = make_result(filters=2, side=32)
    boxes = np.tile([0.25, 0.5, 0.125, 0.125], (2, 8, 1))
    (axes,) = first_layer_images.draw(
        InspectionResult(arrays={**result.arrays, "first_boxes": boxes}, facts=result.facts)
    ).axes
    framed = [patch.get_bbox().bounds for patch in axes.patches if patch.get_linewidth() > 1]
    assert len(framed) == 16
    x, y, width, height = framed[0]
    assert (
        (y, width, height) == (8, 4, 4)
        and x == round(3.3 * 32 * 1.08) + 16
        and to_hex(axes.patches[-1].get_edgecolor()) == FRAME_COLOUR
    )


def test_ties_are_counted_only_when_not_all_are_shown():
    result = make_result(filters=3)
    tied = InspectionResult(arrays={**result.arrays, "first_ties": np.array([8, 1500, 1])}, facts=result.facts)
    (axes,) = first_layer_images.draw(tied).axes
    words = [text.get_text() for text in axes.texts if text.get_text()[0].isdigit()]
    assert words == ["0", "1\n1,500 alike", "2"]


def test_silent_filters_have_no_images():
    result = make_result(filters=2)
    strengths = result["first_strengths"].copy()
    strengths[1] = 0
    (axes,) = first_layer_images.draw(
        InspectionResult(arrays={**result.arrays, "first_strengths": strengths}, facts=result.facts)
    ).axes
    assert [text.get_text() for text in axes.texts if "silent" in text.get_text()] == [
        "silent: below 0 for every image"
    ]
    assert len([patch for patch in axes.patches if patch.get_linewidth() > 1]) == 8
