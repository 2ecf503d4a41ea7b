import numpy as np
import pytest

from dcbench.inspect.image_sheet import BLANK, EDGE_COLOUR, ImageSheet, choose_side, enlarge, to_rgb

RNG = np.random.default_rng(0)


def canvas(figure):
    (axes,) = figure.axes
    (image,) = axes.images
    return np.asarray(image.get_array())


def test_grey_and_colour_images_keep_their_pixels():
    grey, colour = (RNG.integers(0, 256, (channels, 4, 4), dtype=np.uint8) for channels in (1, 3))
    assert (to_rgb(grey) == grey[0][..., None]).all()
    assert (to_rgb(colour)[1, 2] == colour[:, 1, 2]).all()


def test_enlarging_repeats_every_pixel():
    image = RNG.integers(0, 256, (3, 3, 3), dtype=np.uint8)
    large = enlarge(image, 33)
    assert (large[::11, ::11] == image).all() and (large[:11, :11] == image[0, 0]).all()
    assert set(map(tuple, enlarge(image, 32).reshape(-1, 3))) == set(map(tuple, image.reshape(-1, 3)))


@pytest.mark.parametrize(("side", "drawn"), [(3, 33), (8, 32), (11, 33), (28, 56), (32, 32), (64, 64)])
def test_small_images_are_enlarged_by_a_whole_factor(side, drawn):
    assert choose_side(np.empty((1, side, side))) == drawn


def test_tiles_are_at_their_positions_on_white():
    tiles = RNG.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    sheet = ImageSheet(side=32, tile=0.5, left=1.0, top=0.3)
    sheet.add_image(0, 0, tiles[0])
    sheet.add_image(1, 2.5, tiles[1])
    drawn = canvas(sheet.draw())
    pitch = 32 * 1.08
    y, x = round(pitch), round(2.5 * pitch)
    assert drawn.shape == (y + 32, x + 32, 3)
    assert (drawn[:32, :32] == tiles[0]).all() and (drawn[y:, x:] == tiles[1]).all()
    assert (drawn[:32, 40:] == 255).all()


def test_tiles_are_square_and_of_the_given_size():
    sheet = ImageSheet(side=32, tile=0.5, left=1.0, top=0.3)
    sheet.add_image(0, 3, BLANK)
    figure = sheet.draw()
    (axes,) = figure.axes
    box = axes.get_position()
    height, width = canvas(figure).shape[:2]
    wide, high = figure.get_size_inches()
    assert box.width * wide / width == pytest.approx(0.5 / 32) == pytest.approx(box.height * high / height)
    assert box.x0 * wide == pytest.approx(1.0)


def test_frames_are_clipped_to_their_image():
    sheet = ImageSheet(side=100, tile=0.5)
    sheet.add_image(1, 1, BLANK)
    sheet.add_frame(1, 1, (0.25, 0.5, 0.25, 0.125))
    sheet.add_frame(1, 1, (-0.1, 0.9, 0.3, 0.3), colour=EDGE_COLOUR)
    inner, edge = (patch.get_bbox().bounds for patch in sheet.draw().axes[0].patches)
    assert inner == pytest.approx((108 + 50, 108 + 25, 12.5, 25))
    assert edge == pytest.approx((108 + 90, 108 + 0, 10, 20)), "what lies beyond the image is cut off"
