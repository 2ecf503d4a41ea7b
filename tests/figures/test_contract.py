"""Which figures are drawn, and that each draws whatever results can hold: many runs, one, and fields of any kind."""

import matplotlib
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dcbench import registry
from dcbench.analysis.results import read_results
from dcbench.analysis.summary import analyse
from dcbench.figures import choose_axes
from dcbench.figures.style.theme import INK, MAX_WIDTH, STYLE
from tests.helpers import text_overlap
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import TEXT
from tests.helpers.tiny_analysis import ROWS, make_analysis

PARTS = registry.plugin_names("figures")


def test_a_figure_is_drawn_along_the_axes_that_it_is_for():
    analysis = make_analysis(k=[5, 6], arch=["alexnet", "vgg16"], limit=[None, 500])
    assert choose_axes({"per_axis": False}, analysis) == [None]
    assert choose_axes({"per_axis": True}, analysis) == ["k", "arch", "limit"]
    assert choose_axes({"per_axis": True, "axes": "numeric"}, analysis) == ["k"]
    assert choose_axes({"per_axis": True}, make_analysis()) == [None]
    assert choose_axes({"per_axis": True, "axes": "numeric"}, make_analysis(arch=["alexnet", "vgg16"])) == []


def test_before_any_run_has_finished_only_figures_of_the_plan_are_drawn():
    empty = make_analysis(ROWS.iloc[:0])
    assert choose_axes({"per_axis": False}, empty) == [] and choose_axes({"per_axis": True}, empty) == []
    assert choose_axes({"per_axis": False, "needs": "plan"}, empty) == [None]


def test_there_are_figures():
    assert PARTS


def draw_all(part, results):
    """Yield the figures of a part for all axes along which a report draws it, without those that show nothing."""
    analysis = analyse(results)
    for axis in choose_axes(registry.facts("figures", part), analysis):
        with matplotlib.rc_context(STYLE):
            figure = registry.load("figures", part).draw(analysis, axis)
            if figure is not None:
                figure.draw_without_rendering()
                yield figure


@pytest.mark.parametrize("part", PARTS)
def test_figures_have_titles_units_and_a_caption(part, folder):
    facts = registry.facts("figures", part)
    assert facts["title"] and facts["caption"].endswith(".") and isinstance(facts["per_axis"], bool)
    for figure in draw_all(part, read_results(folder)):
        assert isinstance(figure, Figure) and figure.get_figwidth() <= MAX_WIDTH
        labels = [text for panel in figure.axes for text in (panel.get_xlabel(), panel.get_ylabel())]
        assert any(labels) or not any(panel.axison for panel in figure.axes)


@pytest.mark.parametrize("part", PARTS)
def test_every_word_can_be_read_and_is_in_ink(part, folder):
    for figure in draw_all(part, read_results(folder)):
        with matplotlib.rc_context(STYLE):
            assert text_overlap.find_faults(figure) == []
            assert {to_hex(text.get_color()) for text, _ in text_overlap.find_texts(figure)} == {INK}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("keep", [1, 3])
def test_few_runs(part, folder, keep):
    for run_id in plan_of(TEXT).run_ids[keep:]:
        folder.run_dir(run_id).state_file.unlink()
    list(draw_all(part, read_results(folder)))


@pytest.mark.parametrize("part", PARTS)
def test_columns_without_a_value(part, folder):
    results = read_results(folder)
    results.rows["nmi_previous"] = float("nan")
    list(draw_all(part, results))


@pytest.mark.parametrize("part", PARTS)
def test_the_rows_are_left_as_they_were(part, folder):
    results = read_results(folder)
    before = results.rows.copy()
    list(draw_all(part, results))
    pd.testing.assert_frame_equal(results.rows, before)
