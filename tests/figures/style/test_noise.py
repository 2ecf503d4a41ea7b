"""The noise floor as a band, as a bar and as a sentence."""

from functools import cache

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dcbench.analysis.summary import analyse
from dcbench.figures.style import noise
from dcbench.figures.style.encoding import get_colour
from dcbench.figures.style.theme import GREY
from tests.helpers.analyses import make_results

TEXT = """name: m
axes: {dataset: [digits, cifar10], optimizer: [sgd, adam]}
seeds: [0, 1]
settings: {epochs: 1}
repeats: 2
"""


@cache
def analyse_matrix(text=TEXT):
    return analyse(make_results(text))


def test_the_band_reaches_from_minus_the_floor_to_the_floor():
    panel = Figure().subplots()
    noise.draw_floor_band(panel, 0.1)
    noise.draw_floor_band(panel, 0.2, "y", (0.25, 0.5))
    upright, level = panel.patches
    assert upright.get_extents().transformed(panel.transData.inverted()).intervalx == pytest.approx((-0.1, 0.1))
    assert (level.get_x(), level.get_y(), level.get_width(), level.get_height()) == pytest.approx(
        (0.25, -0.2, 0.25, 0.4)
    )
    assert upright.get_hatch() and to_hex(upright.get_edgecolor()) == GREY


@pytest.mark.parametrize("floor", [None, 0.0])
def test_without_a_floor_there_is_no_band(floor):
    panel = Figure().subplots()
    noise.draw_floor_band(panel, floor)
    assert not panel.patches


def test_bars_are_as_high_as_their_floors_and_fit_into_the_panel():
    panel = Figure().subplots()
    panel.set_ylim(0, 0.5)
    noise.draw_floor_bars(panel, [(0.1, "#000001"), (0.8, GREY)])
    heights = [float(line.get_ydata()[1] - line.get_ydata()[0]) for line in panel.get_lines()]
    assert heights == pytest.approx([0.1, 0.8]) and [line.get_color() for line in panel.get_lines()] == [
        "#000001",
        GREY,
    ]
    low, high = panel.get_ylim()
    assert low == 0 and all(low <= line.get_ydata()[0] and line.get_ydata()[1] <= high for line in panel.get_lines())
    before = panel.get_ylim()
    noise.draw_floor_bars(panel, [])
    assert panel.get_ylim() == before


def test_each_dataset_has_a_bar_in_its_colour():
    analysis = analyse_matrix()
    floors = {name: analysis.find_floor("nmi_true", name) for name in ("digits", "cifar10")}
    colours = [get_colour(analysis, "dataset", name) for name in floors]
    assert noise.list_floor_bars(analysis, "nmi_true") == list(zip(floors.values(), colours, strict=True))
    assert noise.list_floor_bars(analysis, "nmi_true", "cifar10") == [(floors["cifar10"], GREY)]


def test_the_sentence_names_each_floor_and_its_metric():
    analysis = analyse_matrix()
    floors = [analysis.find_floor("nmi_true", name) for name in ("digits", "cifar10")]
    assert noise.describe_floor(analysis, "nmi_true", "; hatched, the largest") == (
        "Noise floor: 95 of 100 differences between two runs of the same experiment are below "
        f"{floors[0]:.2g} on digits, {floors[1]:.2g} on cifar10 (NMI with the truth); hatched, the largest."
    )
    assert noise.describe_floor(analyse_matrix(TEXT.replace("repeats: 2", "repeats: 1")), "nmi_true") == ""


def test_of_many_datasets_the_sentence_names_the_smallest_and_the_largest():
    names = ["digits", "mnist", "kmnist", "cifar10"]
    analysis = analyse_matrix(TEXT.replace("[digits, cifar10]", f"[{', '.join(names)}]"))
    floors = sorted((analysis.find_floor("nmi_true", name), name) for name in names)
    (low, smallest), *_, (high, largest) = floors
    assert f"below {low:.2g} on {smallest} to {high:.2g} on {largest} (" in noise.describe_floor(analysis, "nmi_true")
