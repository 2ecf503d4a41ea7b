from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from dcbench.analysis.summary import analyse
from dcbench.figures import accuracy_cost
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.theme import STYLE
from tests.helpers.analyses import FULL, make_results
from tests.helpers.text_overlap import find_faults, find_texts


def draw_figure(results):
    with matplotlib.rc_context(STYLE):
        return accuracy_cost.draw(analyse(results), None)


@pytest.fixture(scope="module")
def full():
    return draw_figure(make_results(FULL, failed=[0, 17], pending=[286, 287]))


def mark_positions(panel, size):
    """Return the coordinates of all markers of a size."""
    marks = [line for line in panel.get_lines() if line.get_markersize() == size and line.get_marker() != "None"]
    return np.concatenate([np.column_stack(line.get_data()) for line in marks])


def test_all_texts_are_legible(full):
    assert find_faults(full) == []


def test_there_is_a_panel_for_each_dataset_with_a_point_for_each_cell(full):
    assert [panel.get_title() for panel in full.axes[::2]] == ["mnist", "cifar10"]
    assert [len(mark_positions(panel, 5)) for panel in full.axes[::2]] == [48, 48]
    assert full.axes[0].get_xscale() == "log" and full.axes[0].get_xlabel() == "time of the run (s)"


def test_colours_show_the_axis_with_the_largest_effect_on_quality_and_markers_on_time(full):
    labels = [text.get_text() for text in full.legends[0].get_texts()]
    assert labels == [
        "arch alexnet",
        "arch vgg16",
        "backend faiss",
        "backend sklearn",
        "no cell beats it",
        "noise floor",
    ]


def test_ringed_cells_are_on_the_pareto_front(full):
    panel = full.axes[0]
    cells, ringed = mark_positions(panel, 5), mark_positions(panel, 9)
    for seconds, quality in ringed:
        assert not ((cells[:, 0] < seconds) & (cells[:, 1] > quality)).any()
    assert len(ringed) >= 1


def test_cells_with_missing_seeds_are_hollow_and_not_on_the_front():
    results = make_results(
        FULL.replace("[0, 1, 2]", "[0, 1]"), failed=[0], score=lambda spec, rng: 0.9 if spec.seed else 0.5
    )
    results.rows.loc[results.rows["run_id"] == results.runs["run_id"][1], "test_refit_nmi_true"] = 0.99
    panel = draw_figure(results).axes[0]
    hollow = [line for line in panel.get_lines() if line.get_markersize() == 5 and line.get_markerfacecolor() == "none"]
    scores = [float(value) for line in hollow for value in line.get_ydata()]
    assert scores == [0.99] and 0.99 not in mark_positions(panel, 9)[:, 1]


def test_the_note_has_the_counts_the_timing_and_the_rule(full):
    note = read_note(full)
    assert "96 cells, 284 of 288 runs done; 3 cells lack seeds." in note
    assert "Timed: 284 runs alone on the device." in note and "whole run (times)" in note


def test_untrained_levels_are_at_the_right(full):
    assert [label.get_text() for label in full.axes[1].get_xticklabels()] == ["untrained"]
    levels = [float(line.get_ydata()[0]) for line in full.axes[1].get_lines()]
    assert len(levels) == 2 and levels[0] > levels[1], "alexnet's and vgg16's untrained networks"


def test_baselines_are_next_to_the_untrained_networks():
    analysis = analyse(make_results(FULL))
    row = {"value": None, "dataset": "mnist", "level": "supervised", "metric": "test_refit_nmi_true", "runs": 3}
    rows = [row | {"axis": "arch", "value": value, "mean": 0.9} for value in ("alexnet", "vgg16")]
    references = analysis.references.reindex(range(2)).assign(**{name: [row[name] for row in rows] for name in rows[0]})
    with matplotlib.rc_context(STYLE):
        figure = accuracy_cost.draw(replace(analysis, references=references), None)
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["untrained", "supervised"]
    assert find_faults(figure) == []


def test_a_single_cell_is_drawn_and_without_times_there_is_no_figure():
    assert len(mark_positions(draw_figure(make_results("name: m\nsettings: {epochs: 1}\n")).axes[0], 5)) == 1
    results = make_results("name: m\nsettings: {epochs: 1}\n")
    results.rows["seconds"] = np.nan
    assert draw_figure(results) is None


def test_names_with_special_characters_are_drawn_as_text():
    text = "name: m\naxes: {dataset: ['imagefolder:/d/$x^2$ <b>', mnist]}\nsettings: {epochs: 1, k: 5}\n"
    figure = draw_figure(make_results(text))
    assert find_faults(figure) == [] and "imagefolder:/d/$x^2$ <b>" in [
        word.get_text() for word, _ in find_texts(figure)
    ]


def test_zipped_dataset_values_have_panels():
    text = "name: m\nzip:\n  - {dataset: [mnist, cifar10], k: [10, 20]}\nsettings: {epochs: 1}\n"
    assert [panel.get_title() for panel in draw_figure(make_results(text)).axes[::2]] == ["mnist, 10", "cifar10, 20"]


def test_the_noise_floor_is_a_scale_bar_in_the_panel_of_its_dataset(full):
    analysis = analyse(make_results(FULL, failed=[0, 17], pending=[286, 287]))
    floor = analysis.find_floor("test_refit_nmi_true", "mnist")
    bars = [
        [line for line in panel.get_lines() if line.get_marker() == "_" and len(line.get_ydata()) == 2]
        for panel in full.axes[::2]
    ]
    assert [len(lines) for lines in bars] == [1, 0], "nothing is known of cifar10"
    assert np.ptp(bars[0][0].get_ydata()) == pytest.approx(floor)
    assert f"are below {floor:.2g} on mnist (NMI with the truth, test, refit)" in read_note(full)
