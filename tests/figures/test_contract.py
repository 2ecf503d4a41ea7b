"""Every plot draws whatever results can hold: many runs, one, and fields of any kind."""

import matplotlib
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dcbench import registry
from dcbench.analysis import results
from dcbench.analysis.summary import analyse
from dcbench.figures import choose_axes
from dcbench.figures.style.theme import INK, MAX_WIDTH, STYLE
from tests.helpers import text_overlap
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import TEXT

PARTS = registry.plugin_names("figures")


def test_there_are_plots():
    assert PARTS


def drawn(part, found):
    """The part's figures in all the ways that a report draws them, less those with nothing to say."""
    told = analyse(found)
    for axis in choose_axes(registry.facts("figures", part), told):
        with matplotlib.rc_context(STYLE):
            figure = registry.load("figures", part).draw(told, axis)
            if figure is not None:
                figure.draw_without_rendering()
                yield figure


@pytest.mark.parametrize("part", PARTS)
def test_figures_have_titles_units_and_a_caption(part, folder):
    facts = registry.facts("figures", part)
    assert facts["title"] and facts["caption"].endswith(".") and isinstance(facts["per_axis"], bool)
    for figure in drawn(part, results.read_results(folder)):
        assert isinstance(figure, Figure) and figure.get_figwidth() <= MAX_WIDTH
        labels = [text for panel in figure.axes for text in (panel.get_xlabel(), panel.get_ylabel())]
        assert any(labels) or not any(panel.axison for panel in figure.axes)


@pytest.mark.parametrize("part", PARTS)
def test_every_word_can_be_read_and_is_in_ink(part, folder):
    for figure in drawn(part, results.read_results(folder)):
        with matplotlib.rc_context(STYLE):
            assert text_overlap.faults(figure) == []
            assert {to_hex(text.get_color()) for text, _ in text_overlap.texts(figure)} == {INK}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("keep", [1, 3])
def test_few_runs(part, folder, keep):
    for run_id in plan_of(TEXT).run_ids[keep:]:
        folder.run_dir(run_id).state_file.unlink()
    list(drawn(part, results.read_results(folder)))


@pytest.mark.parametrize("part", PARTS)
def test_columns_without_a_value(part, folder):
    found = results.read_results(folder)
    found.rows["nmi_previous"] = float("nan")
    list(drawn(part, found))


@pytest.mark.parametrize("part", PARTS)
def test_the_rows_are_left_as_they_were(part, folder):
    found = results.read_results(folder)
    before = found.rows.copy()
    list(drawn(part, found))
    pd.testing.assert_frame_equal(found.rows, before)
