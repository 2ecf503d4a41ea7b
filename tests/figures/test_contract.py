"""Which figures are drawn for which axes, and that every figure can draw results of every kind."""

from dataclasses import replace

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
from tests.helpers.analyses import make_results
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import TEXT
from tests.helpers.tiny_analysis import ROWS, make_analysis

FIGURES = registry.plugin_names("figures")

MATRIX = """name: contract
axes: {dataset: [mnist, cifar10], arch: [alexnet, vgg16], optimizer: [sgd, adam], k: [10, 20, 30]}
seeds: [0, 1, 2]
settings: {epochs: 12}
"""


@pytest.fixture(scope="module")
def full_results():
    """Return made-up results from which every figure can be drawn."""
    base = {"dataset": "mnist", "limit": 1000, "backend_a": "faiss", "lowest": 0.5, "highest": 0.9, "count": 3}
    agreement = base | {"k": 10, "stage": "kmeans", "measure": "ari", "backend_b": "torch", "value": 0.8}
    seconds = base | {"k": None, "stage": "pca", "measure": "seconds_pca", "backend_b": None, "value": 0.6}
    return replace(make_results(MATRIX), parity=pd.DataFrame([agreement, seconds]))


def test_choose_axes_gives_the_axes_of_a_figure():
    analysis = make_analysis(k=[5, 6], arch=["alexnet", "vgg16"], limit=[None, 500])
    assert choose_axes({"per_axis": False}, analysis) == [None]
    assert choose_axes({"per_axis": True}, analysis) == ["k", "arch", "limit"]
    assert choose_axes({"per_axis": True, "axes": "numeric"}, analysis) == ["k"]
    assert choose_axes({"per_axis": True}, make_analysis()) == [None]
    assert choose_axes({"per_axis": True, "axes": "numeric"}, make_analysis(arch=["alexnet", "vgg16"])) == []


def test_without_a_finished_run_only_figures_of_the_plan_are_drawn():
    empty = make_analysis(ROWS.iloc[:0])
    assert choose_axes({"per_axis": False}, empty) == [] and choose_axes({"per_axis": True}, empty) == []
    assert choose_axes({"per_axis": False, "needs": "plan"}, empty) == [None]


def test_there_are_figures():
    assert FIGURES


def draw_all(name, results):
    """Yield a plug-in's figures for all axes for which a report draws it, without those that have nothing to show."""
    analysis = analyse(results)
    for axis in choose_axes(registry.facts("figures", name), analysis):
        with matplotlib.rc_context(STYLE):
            figure = registry.load("figures", name).draw(analysis, axis)
            if figure is not None:
                figure.draw_without_rendering()
                yield figure


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_titles_units_and_a_caption(name, full_results):
    facts = registry.facts("figures", name)
    assert facts["title"] and facts["caption"].endswith(".") and isinstance(facts["per_axis"], bool)
    figures = list(draw_all(name, full_results))
    assert figures, "nothing was drawn"
    for figure in figures:
        assert isinstance(figure, Figure) and figure.get_figwidth() <= MAX_WIDTH
        labels = [text for panel in figure.axes for text in (panel.get_xlabel(), panel.get_ylabel())]
        assert any(labels) or not any(panel.axison for panel in figure.axes)


@pytest.mark.parametrize("name", FIGURES)
def test_all_texts_are_legible_and_in_ink(name, folder):
    for figure in draw_all(name, read_results(folder)):
        with matplotlib.rc_context(STYLE):
            assert text_overlap.find_faults(figure) == []
            assert {to_hex(text.get_color()) for text, _ in text_overlap.find_texts(figure)} == {INK}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("keep", [1, 3])
def test_figures_can_be_drawn_from_few_runs(name, folder, keep):
    for run_id in plan_of(TEXT).run_ids[keep:]:
        folder.run_dir(run_id).state_file.unlink()
    assert [figure for figure in draw_all(name, read_results(folder)) if text_overlap.find_faults(figure)] == []


@pytest.mark.parametrize("name", FIGURES)
def test_figures_can_be_drawn_from_columns_without_values(name, folder):
    results = read_results(folder)
    results.rows["nmi_previous"] = float("nan")
    assert [figure for figure in draw_all(name, results) if text_overlap.find_faults(figure)] == []


@pytest.mark.parametrize("name", FIGURES)
def test_drawing_does_not_change_the_results(name, full_results):
    before = {frame: getattr(full_results, frame).copy() for frame in ("runs", "rows", "parity")}
    assert list(draw_all(name, full_results)), "nothing was drawn"
    for frame, values in before.items():
        pd.testing.assert_frame_equal(getattr(full_results, frame), values)
