import numpy as np
import pytest

from dcbench.inspect.figures import describe_filter_tiles, filters, make_filter_tiles
from dcbench.inspect.image_sheet import enlarge
from dcbench.inspect.result import InspectionResult
from tests.helpers.inspection_results import make_result


def make_weighted_result(after, before=None, **values):
    """Return a made-up result with these weights `(f, channels, kh, kw)`."""
    after = np.asarray(after, dtype=float)
    result = make_result(channels=after.shape[1], filters=len(after), **values)
    before = after if before is None else np.asarray(before, dtype=float)
    return InspectionResult(arrays={**result.arrays, "filters": after, "filters_before": before}, facts=result.facts)


ONE_FILTER = [[[[-2.0, 0.0], [1.0, 2.0]]]]


def test_0_is_mid_grey_and_the_largest_weight_is_black_or_white():
    tiles = make_filter_tiles(make_weighted_result(ONE_FILTER), "filters")
    assert tiles.shape == (1, 1, 2, 2, 3) and tiles[0, 0, ..., 0].tolist() == [[0, 128], [191, 255]]
    assert (tiles == tiles[..., :1]).all(), "grey"


def test_filters_before_and_after_training_share_a_scale():
    result = make_weighted_result(ONE_FILTER, np.array(ONE_FILTER) / 2)
    assert make_filter_tiles(result, "filters_before")[0, 0, ..., 0].tolist() == [[64, 128], [159, 191]]


def test_filters_on_sobel_gradients_have_two_tiles():
    pair = np.stack([ONE_FILTER[0][0], np.array(ONE_FILTER[0][0]) * 0.5])[None]
    tiles = make_filter_tiles(make_weighted_result(pair), "filters")
    assert tiles.shape[:2] == (1, 2) and tiles[0, 1, 0, 0, 0] == 64
    text = describe_filter_tiles(make_weighted_result(pair))
    assert "horizontal and on the vertical Sobel gradient" in text and "fixed, not learned, and not shown" in text


def test_colours_are_the_weights_on_red_green_and_blue():
    colours = np.zeros((1, 3, 2, 2))
    colours[0, :, 0, 1] = [1.0, 0.0, -1.0]
    tiles = make_filter_tiles(make_weighted_result(colours, dataset="cifar10", side=32), "filters")
    assert tiles.shape[:2] == (1, 1) and tiles[0, 0, 0, 1].tolist() == [255, 128, 0]
    assert tiles[0, 0, 1, 1].tolist() == [128, 128, 128]


def test_for_grey_images_in_three_channels_the_sum_of_the_weights_is_shown():
    colours = np.zeros((1, 3, 2, 2))
    colours[0, :, 0, 0], colours[0, :, 1, 1] = [3.0, -1.0, -1.0], [1.0, -1.0, 0.0]
    result = make_weighted_result(colours, dataset="mnist", side=32)
    assert make_filter_tiles(result, "filters")[0, 0, ..., 0].tolist() == [[255, 128], [128, 128]]
    assert "sum of a filter's weights" in describe_filter_tiles(result)


def test_a_filter_of_zeros_is_mid_grey():
    assert (make_filter_tiles(make_weighted_result(np.zeros((1, 1, 3, 3))), "filters") == 128).all()


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_both_blocks_show_every_filter_in_order(channels):
    rng = np.random.default_rng(0)
    result = make_weighted_result(*rng.normal(size=(2, 7, channels, 3, 3)), dataset="cifar10", side=32)
    (axes,) = filters.draw(result).axes
    picture = np.asarray(axes.images[0].get_array())
    assert [text.get_text() for text in axes.texts] == ["untrained", "after epoch 3"]
    tiles = [make_filter_tiles(result, name) for name in ("filters_before", "filters")]
    corners = [tuple(round(value) for value in patch.get_xy()) for patch in axes.patches]
    assert len(corners) == 14 * tiles[0].shape[1]
    for (x, y), tile in zip(corners, np.concatenate(tiles).reshape(-1, 3, 3, 3), strict=True):
        assert (picture[y : y + 33, x : x + 33] == enlarge(tile, 33)).all()


def test_an_untrained_network_has_one_block():
    (axes,) = filters.draw(make_result(epochs=0)).axes
    assert [text.get_text() for text in axes.texts] == ["untrained"]
    assert "random initial weights" in filters.caption(make_result(epochs=0))


def test_the_caption_has_the_movement_and_the_number_of_filters():
    after = np.ones((2, 1, 3, 3))
    text = filters.caption(make_weighted_result(after * 1.25, after))
    assert "moved a filter's weights by 25% of their length" in text and text.startswith("All 2 filters (3 x 3)")
    result = make_weighted_result(after)
    assert filters.caption(
        InspectionResult(arrays={**result.arrays, "filter_counts": np.array([9])}, facts=result.facts)
    ).startswith("The first 2 of 9 filters")
