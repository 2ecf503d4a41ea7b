import matplotlib
import numpy as np
import pytest

from dcbench.analysis.summary import analyse
from dcbench.figures import heatmap
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.theme import STYLE
from tests.helpers.analyses import FULL, TWELVE, make_results
from tests.helpers.text_overlap import find_faults, find_texts

HOLES = """name: holes
axes: {dataset: [mnist, cifar10], arch: [alexnet, vgg16], backend: [faiss, sklearn, torch]}
exclude: [{dataset: mnist, arch: vgg16}]
seeds: [0, 1, 2]
settings: {epochs: 2}
"""

LARGE = """name: large
axes:
  k: [2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100, 150]
  arch: [alexnet, vgg16]
  input_channels: [3, 2, 1]
  optimizer: [sgd, adam]
  top_optimizer: [sgd, adam]
  backend: [faiss, sklearn]
settings: {dataset: mnist, epochs: 1}
"""
"""576 cells."""


def draw_figure(results):
    with matplotlib.rc_context(STYLE):
        return heatmap.draw(analyse(results), None)


@pytest.fixture(scope="module")
def full():
    return draw_figure(make_results(FULL, failed=[0, 1, 2, 17], pending=[285, 286, 287]))


@pytest.fixture(scope="module")
def holes():
    return draw_figure(make_results(HOLES, failed=[0, 1, 2, 4], skipped=[9, 10, 11]))


def texts_of(figure):
    return [text.get_text() for text, _ in find_texts(figure)]


def numbers(panel):
    return np.ma.filled(panel.images[0].get_array(), np.nan)


def test_all_texts_are_legible(full, holes):
    assert find_faults(full) == [] and find_faults(holes) == [] and find_faults(draw_figure(make_results(TWELVE))) == []


def test_each_dataset_has_a_panel_with_the_means_of_its_cells(full):
    panels = [panel for panel in full.axes if panel.images and panel.get_title(loc="left")]
    assert [panel.get_title(loc="left") for panel in panels] == ["mnist", "cifar10"]
    assert [numbers(panel).shape for panel in panels] == [(6, 8)] * 2
    finals = analyse(make_results(FULL, failed=[0, 1, 2, 17], pending=[285, 286, 287])).finals
    cell = finals[(finals["dataset"] == "mnist") & (finals["arch"] == "alexnet") & (finals["input_channels"] == 2)]
    cell = cell[(cell["optimizer"] == "sgd") & (cell["top_optimizer"] == "sgd") & (cell["backend"] == "faiss")]
    assert numbers(panels[0])[1, 0] == pytest.approx(cell["nmi_true"].mean())
    assert f"{cell['nmi_true'].mean():.3f}" in texts_of(full)


def test_cells_that_are_not_done_are_hatched_and_labelled(full, holes):
    assert {"failed", "not run"} <= set(texts_of(full)) and [word for word in texts_of(full) if word.endswith("\n2/3")]
    assert "skipped" in texts_of(holes)
    assert [text.get_text() for text in holes.legends[0].get_texts()] == [
        "some runs missing", "failed", "skipped", "not in the matrix",
    ]  # fmt: skip
    assert "20 of 27 runs done" in read_note(holes)


def test_a_cell_with_a_missing_value_has_no_mean():
    results = make_results(HOLES)
    results.rows.loc[results.rows["run_id"] == results.rows["run_id"].iloc[0], "nmi_true"] = np.nan
    assert "no value" in texts_of(draw_figure(results))


def test_too_many_cells_are_averaged_over_the_axes_with_the_smallest_effects():
    figure = draw_figure(make_results(LARGE))
    assert "averaged over top_optimizer" in read_note(
        figure
    ) and "with the same 2 cells of them for every square" in read_note(figure)
    assert numbers(figure.axes[0]).shape in ((24, 12), (36, 8)) and find_faults(figure) == []


def test_a_single_cell_gives_no_figure():
    assert draw_figure(make_results("name: m\nsettings: {epochs: 1}\n")) is None


def test_without_values_there_is_no_figure():
    results = make_results(HOLES)
    results.rows["nmi_true"] = np.nan
    assert draw_figure(results) is None


def test_the_note_has_the_noise_floor(full):
    floor = analyse(make_results(FULL, failed=[0, 1, 2, 17], pending=[285, 286, 287])).find_floor("nmi_true", "mnist")
    assert (
        f"Noise floor: 95 of 100 differences between two runs of the same experiment are below {floor:.2g} on mnist"
        in (read_note(full))
    )
