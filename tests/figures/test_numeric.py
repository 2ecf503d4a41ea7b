from functools import cache

import matplotlib
import pytest
from matplotlib.collections import LineCollection

from dcbench import registry
from dcbench.analysis.summary import analyse
from dcbench.figures import choose_axes, numeric
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.theme import STYLE
from tests.helpers import analyses, text_overlap
from tests.helpers.noise_floors import assert_floors_are_drawn

LIMITS = """name: limits
axes: {limit: [700, null, 500], dataset: [mnist, cifar10]}
seeds: [0, 1, 2]
settings: {epochs: 2}
"""


@cache
def analyse_matrix(text):
    return analyse(analyses.make_results(text))


def draw_figure(text, axis):
    with matplotlib.rc_context(STYLE):
        return numeric.draw(analyse_matrix(text), axis)


def find_mean_line(panel):
    (line,) = [line for line in panel.get_lines() if line.get_label() == "mean"]
    return line


def test_the_figure_is_drawn_for_numeric_axes_only():
    facts = registry.facts("figures", "numeric")
    assert choose_axes(facts, analyse_matrix(analyses.TWELVE)) == ["k"] and choose_axes(
        facts, analyse_matrix(LIMITS)
    ) == ["limit"]


def test_means_agree_with_the_table_of_levels():
    panel = draw_figure(analyses.TWELVE, "k").axes[0]
    table = analyse_matrix(analyses.TWELVE).levels.query("axis == 'k' and metric == 'ami_true'")
    assert find_mean_line(panel).get_xdata().tolist() == [2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100, 150]
    assert find_mean_line(panel).get_ydata().tolist() == pytest.approx(table["mean"].tolist())
    assert panel.get_xscale() == "log" and len(panel.containers) == 12


def test_scores_that_rise_with_k_are_left_out_against_k():
    figure = draw_figure(analyses.TWELVE, "k")
    names = [panel.get_ylabel().replace("\n", " ") for panel in figure.axes]
    assert names[0] == "AMI with the truth" and "NMI with the truth" not in names
    assert "NMI rises with k by itself" in read_note(figure)


def test_none_is_drawn_apart_from_the_numbers():
    panel = draw_figure(LIMITS, "limit").axes[0]
    assert panel.get_xscale() == "linear" and find_mean_line(panel).get_xdata().tolist() == [500, 700]
    assert panel.get_xticks().tolist() == [500, 700, 900]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["500", "700", "none"]


def test_each_matched_cell_is_a_thin_line():
    panel = draw_figure(analyses.TWELVE, "k").axes[0]
    lines = [
        artist
        for artist in panel.collections
        if isinstance(artist, LineCollection) and artist.get_linewidth()[0] == 0.6
    ]
    assert [len(artist.get_segments()) for artist in lines] == [2]
    assert read_note(draw_figure(analyses.TWELVE, "k")).startswith(
        "Each mean: 2 cells, 3 seeds. One number per run: last row; whole run."
    )


@pytest.mark.parametrize(("text", "axis"), [(analyses.TWELVE, "k"), (LIMITS, "limit")])
def test_all_texts_are_legible(text, axis):
    assert text_overlap.find_faults(draw_figure(text, axis)) == []


def test_without_matched_runs_there_is_no_figure():
    results = analyses.make_results(LIMITS.replace("[0, 1, 2]", "[0]"), pending=range(6))
    assert numeric.draw(analyse(results), "limit") is None


def test_the_noise_floor_is_a_scale_bar_in_the_colour_of_its_dataset():
    text = LIMITS.replace("mnist", "digits") + "repeats: 2\n"
    analysis, figure = analyse_matrix(text), draw_figure(text, "limit")
    assert_floors_are_drawn(analysis, figure)
