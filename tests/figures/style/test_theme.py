"""The colours can be told apart with every colour vision, and read on paper and in dark mode."""

import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from benchmarks.colour_vision import VISIONS, contrast, distance, lab, simulate_vision
from dcbench.figures.style.encoding import LINE_STYLES, MARKERS, RAMP
from dcbench.figures.style.theme import BACKGROUNDS, COLOURS, GREY, INK

MIN_DISTANCE = 13.0
"""The smallest CIEDE2000 distance between any two of the colours, with every colour vision."""
MIN_DISTANCE_FIRST_FIVE = 15.0
CONTRAST = 3.0
"""The contrast that WCAG 2 requires of graphics on their background (1.4.11)."""


def rgb(*colours):
    return np.array([to_rgb(colour) for colour in colours])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (61, -5, 29), 22.8977),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
        ((50, 0, 0), (50, -1, 2), 2.3669),
    ],
)
def test_the_distance_agrees_with_the_published_examples(first, second, expected):
    assert distance(np.array(first), np.array(second)) == pytest.approx(expected, abs=1e-4)


def test_white_and_red_have_their_published_lab_values():
    assert lab(rgb("#ffffff"))[0] == pytest.approx([100, 0, 0], abs=0.01)
    assert lab(rgb("#ff0000"))[0] == pytest.approx([53.24, 80.09, 67.20], abs=0.02)


def test_the_simulation_keeps_grey_and_brings_red_and_green_closer():
    red, green = rgb("#c32d00", "#2d785b")
    for vision in VISIONS:
        assert simulate_vision(rgb(GREY), vision) == pytest.approx(rgb(GREY), abs=0.01)
    distances = {vision: distance(*lab(simulate_vision(np.array([red, green]), vision))) for vision in VISIONS}
    assert min(distances["protanopia"], distances["deuteranopia"]) < 0.5 * distances["normal"]


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_can_be_told_from_each_other_and_from_the_backgrounds(vision):
    colours = lab(simulate_vision(rgb(*COLOURS), vision))
    assert min(distance(first, second) for first, second in itertools.combinations(colours, 2)) > MIN_DISTANCE
    first_five = itertools.combinations(colours[:5], 2)
    assert min(distance(first, second) for first, second in first_five) > MIN_DISTANCE_FIRST_FIVE
    for background in lab(simulate_vision(rgb(*BACKGROUNDS), vision)):
        assert min(distance(colour, background) for colour in colours) > 2 * MIN_DISTANCE


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_colours_and_grey_have_enough_contrast_on_paper_and_in_dark_mode(background):
    assert min(contrast(colour, rgb(background)[0]) for colour in rgb(*COLOURS, GREY)) >= CONTRAST
    name, low, high = RAMP
    ramp = matplotlib.colormaps[name](np.linspace(low, high, 12))[:, :3]
    assert min(contrast(colour, rgb(background)[0]) for colour in ramp) >= 2
    assert contrast(rgb(INK)[0], rgb(BACKGROUNDS[0])[0]) > 7


@pytest.mark.parametrize("vision", VISIONS)
def test_twelve_colours_of_the_ramp_get_steadily_lighter(vision):
    name, low, high = RAMP
    colours = lab(simulate_vision(matplotlib.colormaps[name](np.linspace(low, high, 12))[:, :3], vision))
    assert (np.diff(colours[:, 0]) > 1).all()
    assert min(distance(first, second) for first, second in itertools.pairwise(colours)) > 2.3
    assert distance(colours[0], colours[-1]) > 35


def test_colour_line_and_marker_distinguish_more_than_a_dozen_values():
    codes = [(COLOURS[index % 8], LINE_STYLES[index // 8], MARKERS[index % len(MARKERS)]) for index in range(32)]
    assert len({code[:2] for code in codes}) == 32 and len({(code[0], code[2]) for code in codes}) == 32
