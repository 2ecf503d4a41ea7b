import numpy as np
import pytest

from dcbench.inspect.figures import filter_tiles, filters, filters_told
from dcbench.inspect.image_sheet import enlarged
from dcbench.inspect.result import InspectionResult
from tests.helpers.inspection_results import bundle


def weighted(after, before=None, **values):
    """A bundle with these weights `(f, channels, kh, kw)`."""
    after = np.asarray(after, dtype=float)
    found = bundle(channels=after.shape[1], filters=len(after), **values)
    before = after if before is None else np.asarray(before, dtype=float)
    return InspectionResult({**found.arrays, "filters": after, "filters_before": before}, found.facts)


ONE = [[[[-2.0, 0.0], [1.0, 2.0]]]]


def test_mid_grey_is_0_and_the_largest_weight_is_black_or_white():
    tiles = filter_tiles(weighted(ONE), "filters")
    assert tiles.shape == (1, 1, 2, 2, 3) and tiles[0, 0, ..., 0].tolist() == [[0, 128], [191, 255]]
    assert (tiles == tiles[..., :1]).all(), "grey"


def test_before_and_after_training_have_one_scale():
    found = weighted(ONE, np.array(ONE) / 2)
    assert filter_tiles(found, "filters_before")[0, 0, ..., 0].tolist() == [[64, 128], [159, 191]]


def test_sobel_filters_are_two_tiles_and_said_to_be_fixed():
    pair = np.stack([ONE[0][0], np.array(ONE[0][0]) * 0.5])[None]
    tiles = filter_tiles(weighted(pair), "filters")
    assert tiles.shape[:2] == (1, 2) and tiles[0, 1, 0, 0, 0] == 64
    told = filters_told(weighted(pair))
    assert "horizontal and on the vertical Sobel gradient" in told and "fixed, not learned, and not shown" in told


def test_colours_are_the_weights_on_red_green_and_blue():
    colours = np.zeros((1, 3, 2, 2))
    colours[0, :, 0, 1] = [1.0, 0.0, -1.0]
    tiles = filter_tiles(weighted(colours, dataset="cifar10", side=32), "filters")
    assert tiles.shape[:2] == (1, 1) and tiles[0, 0, 0, 1].tolist() == [255, 128, 0]
    assert tiles[0, 0, 1, 1].tolist() == [128, 128, 128]


def test_on_grey_images_in_three_channels_only_the_sum_acts_and_is_shown():
    colours = np.zeros((1, 3, 2, 2))
    colours[0, :, 0, 0], colours[0, :, 1, 1] = [3.0, -1.0, -1.0], [1.0, -1.0, 0.0]
    found = weighted(colours, dataset="mnist", side=32)
    assert filter_tiles(found, "filters")[0, 0, ..., 0].tolist() == [[255, 128], [128, 128]]
    assert "sum of a filter's weights" in filters_told(found)


def test_a_filter_of_zeros_is_mid_grey():
    assert (filter_tiles(weighted(np.zeros((1, 1, 3, 3))), "filters") == 128).all()


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_both_blocks_show_every_filter_in_order(channels):
    rng = np.random.default_rng(0)
    found = weighted(*rng.normal(size=(2, 7, channels, 3, 3)), dataset="cifar10", side=32)
    (axes,) = filters.draw(found).axes
    picture = np.asarray(axes.images[0].get_array())
    assert [text.get_text() for text in axes.texts] == ["untrained", "after epoch 3"]
    tiles = [filter_tiles(found, name) for name in ("filters_before", "filters")]
    corners = [tuple(round(value) for value in patch.get_xy()) for patch in axes.patches]
    assert len(corners) == 14 * tiles[0].shape[1]
    for (x, y), tile in zip(corners, np.concatenate(tiles).reshape(-1, 3, 3, 3), strict=True):
        assert (picture[y : y + 33, x : x + 33] == enlarged(tile, 33)).all()


def test_an_untrained_network_is_one_block():
    (axes,) = filters.draw(bundle(epochs=0)).axes
    assert [text.get_text() for text in axes.texts] == ["untrained"]
    assert "random initial weights" in filters.caption(bundle(epochs=0))


def test_the_caption_says_how_far_training_moved_them_and_how_many_there_are():
    after = np.ones((2, 1, 3, 3))
    told = filters.caption(weighted(after * 1.25, after))
    assert "moved a filter's weights by 25% of their length" in told and told.startswith("All 2 filters (3 x 3)")
    found = weighted(after)
    assert filters.caption(InspectionResult({**found.arrays, "filter_counts": np.array([9])}, found.facts)).startswith(
        "The first 2 of 9 filters"
    )
