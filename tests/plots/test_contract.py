"""Every plot draws whatever results can hold: many runs, one, and fields of any kind."""

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dcbench import results, rooms
from dcbench.analysis import analyse
from dcbench.plots import STYLE
from tests.conftest import plan_of
from tests.test_results import TEXT, fill, folder  # noqa: F401  (a fixture)

PARTS = rooms.names("plots")


def test_there_are_plots():
    assert PARTS


def drawn(part, found):
    told = analyse(found)
    axes = [*told.axes, None] if rooms.facts("plots", part)["per_axis"] else [None]
    for axis in axes:
        with matplotlib.rc_context(STYLE):
            figure = rooms.load("plots", part).draw(told, axis)
            figure.canvas.draw()
        yield figure


@pytest.mark.parametrize("part", PARTS)
def test_figures_have_titles_units_and_a_caption(part, folder):  # noqa: F811
    facts = rooms.facts("plots", part)
    assert facts["title"] and facts["caption"].endswith(".")
    for figure in drawn(part, results.read(folder)):
        assert isinstance(figure, Figure)
        labels = [text for panel in figure.axes for text in (panel.get_xlabel(), panel.get_ylabel())]
        assert any(labels)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("keep", [1, 3])
def test_few_runs(part, folder, keep):  # noqa: F811
    for run_id in plan_of(TEXT).run_ids[keep:]:
        folder.run(run_id).state_file.unlink()
    assert list(drawn(part, results.read(folder)))


@pytest.mark.parametrize("part", PARTS)
def test_columns_without_a_value(part, folder):  # noqa: F811
    found = results.read(folder)
    found.rows["nmi_previous"] = float("nan")
    assert list(drawn(part, found))


@pytest.mark.parametrize("part", PARTS)
def test_the_rows_are_left_as_they_were(part, folder):  # noqa: F811
    found = results.read(folder)
    before = found.rows.copy()
    list(drawn(part, found))
    pd.testing.assert_frame_equal(found.rows, before)
