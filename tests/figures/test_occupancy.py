from functools import cache

import matplotlib
import numpy as np
import pytest

from dcbench.analysis.summary import analyse
from dcbench.figures import occupancy
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.encoding import get_colour
from dcbench.figures.style.theme import STYLE
from tests.helpers import analyses, text_overlap

FEW = """name: few
axes: {dataset: [mnist, cifar10], optimizer: [sgd, adam]}
seeds: [0, 1, 2]
settings: {epochs: 3}
"""


@cache
def analyse_matrix(text, pending=()):
    results = analyses.make_results(text, pending=pending)
    adam = results.rows["optimizer"] == "adam"
    results.rows["feature_rank"] = np.where(adam & (results.rows["epoch"] > 0), 1.05, 40.0)
    results.rows["refilled_clusters"], results.rows["largest_cluster_share"] = 2.0 * adam, 0.2
    collapsed = (results.runs["optimizer"] == "adam") & (results.runs["state"] == "done")
    results.runs["health"] = results.runs["health"].mask(collapsed, "collapsed")
    return analyse(results)


def draw_figure(axis, text=FEW, **options):
    with matplotlib.rc_context(STYLE):
        return occupancy.draw(analyse_matrix(text, **options), axis)


def means(panel):
    return {line.get_color(): line.get_ydata().tolist() for line in panel.get_lines() if line.get_linewidth() == 2}


def test_there_is_a_row_of_panels_for_each_dataset_and_a_colour_for_each_value():
    figure = draw_figure("optimizer")
    assert [panel.get_title(loc="left") for panel in figure.axes[::4]] == ["dataset = mnist", "dataset = cifar10"]
    share, filled, rank = (means(panel) for panel in figure.axes[:3])
    adam = get_colour(analyse_matrix(FEW), "optimizer", "adam")
    assert rank[adam] == pytest.approx([40, 1.05, 1.05, 1.05]) and share[adam] == pytest.approx([0.2] * 4)
    assert filled[adam] == pytest.approx([0.8] * 4), "two of ten clusters were empty before they were refilled"
    assert figure.axes[2].get_yscale() == "log"
    assert read_note(figure) == "Each mean: 1 cell, 3 seeds."


def test_the_bars_count_the_planned_runs_by_state_and_health():
    bars = draw_figure("optimizer", pending=(0,)).axes[3].patches
    widths = np.array([bar.get_width() for bar in bars]).reshape(2, 4)
    assert widths.tolist() == [[2, 0, 0, 1], [0, 0, 3, 0]]


@pytest.mark.parametrize(("text", "axis"), [(FEW, "dataset"), (FEW, "optimizer"), (FEW, None), (analyses.TWELVE, "k")])
def test_all_texts_are_legible(text, axis):
    figure = draw_figure(axis, text)
    assert text_overlap.find_faults(figure) == [] and figure.get_figwidth() <= 9.5
    bands = [artist for artist in figure.axes[0].collections if type(artist).__name__ == "FillBetweenPolyCollection"]
    assert bool(bands) == (axis != "k"), "twelve bands would hide each other"
