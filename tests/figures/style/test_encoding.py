"""The colour, marker and line style of a value, and the style of a verdict."""

from dcbench.figures.style.encoding import (
    VERDICT_STYLES,
    get_colour,
    get_line_style,
    get_marker,
    get_marker_face,
    make_verdict_handles,
)
from dcbench.figures.style.theme import COLOURS, GREY
from tests.helpers.tiny_analysis import make_analysis


def test_numeric_axes_are_recognised():
    analysis = make_analysis(k=[5, 6], input_channels=[3, 2, 1], limit=[None, 500], pca_dim=[8, None, 16])
    assert [axis.is_numeric for axis in analysis.axes.values()] == [True, False, False, True]


def test_axes_with_the_same_choices_share_their_colours():
    analysis = make_analysis(
        top_optimizer=["adam", "sgd"], optimizer=["sgd", "adam"], kmeans_backend=["torch", "faiss"]
    )
    for get in (get_colour, get_marker, get_line_style):
        assert get(analysis, "optimizer", "adam") == get(analysis, "top_optimizer", "adam")
    assert (
        get_colour(analysis, "optimizer", "adam") == COLOURS[0]
        and get_colour(analysis, "optimizer", "sgd") == COLOURS[1]
    )
    backends = [get_colour(analysis, "backend", name) for name in ("torch", "faiss", "sklearn")]
    assert backends == list(COLOURS[:3]), "the backends that no axis has come after those of an axis"
    assert get_colour(analysis, None, "x") == COLOURS[0] and get_colour(analysis, "optimizer", "lion") == GREY


def test_thirty_values_have_thirty_combinations():
    analysis = make_analysis(arch=[f"net{number}" for number in range(30)])
    values = analysis.axes["arch"].values
    codes = {(get_colour(analysis, "arch", value), get_line_style(analysis, "arch", value)) for value in values}
    assert len(codes) == len(
        {(get_colour(analysis, "arch", value), get_marker(analysis, "arch", value)) for value in values}
    )
    assert len(codes) == 30


def test_numeric_values_have_a_ramp_by_size_with_none_at_the_end():
    analysis = make_analysis(limit=[500, None, 100, 1000])
    green = [int(get_colour(analysis, "limit", value)[3:5], 16) for value in (100, 500, 1000, None)]
    assert green == sorted(green) and len(set(green)) == 4


def test_verdicts_differ_in_colour_and_marker():
    handles = make_verdict_handles(["same", "better", "better"])
    assert [handle.get_label() for handle in handles] == ["better", "same", "margin"]
    assert get_marker_face("cannot tell") == "none"
    assert len(set(VERDICT_STYLES.values())) == len(VERDICT_STYLES)
