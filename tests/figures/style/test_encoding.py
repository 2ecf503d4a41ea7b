"""The colour, marker and line of a value."""

from dcbench.figures.style.encoding import get_colour, get_line_style, get_marker
from dcbench.figures.style.theme import COLOURS, GREY
from tests.helpers.tiny_analysis import told


def test_amounts_are_numbers_that_mean_how_much():
    some = told(k=[5, 6], input_channels=[3, 2, 1], limit=[None, 500], pca_dim=[8, None, 16])
    assert [axis.is_numeric for axis in some.axes.values()] == [True, False, False, True]


def test_a_value_has_one_colour_on_all_axes_that_choose_among_the_same():
    some = told(top_optimizer=["adam", "sgd"], optimizer=["sgd", "adam"], kmeans_backend=["torch", "faiss"])
    for draws in (get_colour, get_marker, get_line_style):
        assert draws(some, "optimizer", "adam") == draws(some, "top_optimizer", "adam")
    assert get_colour(some, "optimizer", "adam") == COLOURS[0] and get_colour(some, "optimizer", "sgd") == COLOURS[1]
    backends = [get_colour(some, "backend", name) for name in ("torch", "faiss", "sklearn")]
    assert backends == list(COLOURS[:3]), "the backends that no axis has come after those of an axis"
    assert get_colour(some, None, "x") == COLOURS[0] and get_colour(some, "optimizer", "lion") == GREY


def test_thirty_values_have_thirty_codes():
    some = told(arch=[f"net{number}" for number in range(30)])
    values = some.axes["arch"].values
    codes = {(get_colour(some, "arch", value), get_line_style(some, "arch", value)) for value in values}
    assert len(codes) == len({(get_colour(some, "arch", value), get_marker(some, "arch", value)) for value in values})
    assert len(codes) == 30


def test_amounts_have_a_ramp_by_size_whatever_their_order_and_none_is_the_last():
    some = told(limit=[500, None, 100, 1000])
    green = [int(get_colour(some, "limit", one)[3:5], 16) for one in (100, 500, 1000, None)]
    assert green == sorted(green) and len(set(green)) == 4
