import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dcbench.analysis.summary import OUTCOMES, analyse
from dcbench.figures import forest
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.encoding import VERDICT_STYLES
from dcbench.figures.style.theme import STYLE
from tests.helpers.analyses import FULL, TWELVE, make_results
from tests.helpers.text_overlap import find_faults, find_texts


def draw_figure(results):
    with matplotlib.rc_context(STYLE):
        return forest.draw(analyse(results), None)


@pytest.fixture(scope="module")
def full():
    return draw_figure(make_results(FULL, failed=[0, 1, 2, 17, 100, 250], pending=range(280, 288)))


@pytest.fixture(scope="module")
def twelve():
    return draw_figure(make_results(TWELVE))


def texts_of(figure):
    return [text.get_text() for text, _ in find_texts(figure)]


def test_all_texts_are_legible(full, twelve):
    assert find_faults(full) == [] and find_faults(twelve) == []


def test_there_is_a_panel_for_each_metric_and_a_row_for_each_swap(full):
    titles = [panel.get_title().replace("\n", " ") for panel in full.axes]
    assert titles == [
        "NMI with the truth", "NMI with the truth, test, refit", "Hungarian accuracy",
        "effective rank of the raw features", "time of the run", "time of clustering",
    ]  # fmt: skip
    assert {"arch: alexnet \u2192 vgg16", "input_channels: 2 \u2192 1", "brings lr 0.05 \u2192 0.001"} <= set(
        texts_of(full)
    )
    assert full.axes[4].get_xlabel() == "times as long\n\u2190 better"


def test_verdicts_have_a_colour_and_a_marker(full):
    colour, marker = VERDICT_STYLES["better"]
    marks = [line for line in full.axes[4].get_lines() if line.get_marker() == marker]
    assert [mark.get_color() for mark in marks] == [colour], "scikit-learn is faster here"
    assert [text.get_text() for text in full.legends[0].get_texts()][:2] == ["better", "worse"]


def test_an_outlying_effect_is_written_at_the_edge_of_the_panel(full):
    assert "\u2190 \u22120.40" in texts_of(full)
    assert full.axes[0].get_xlim()[1] < 0.1


def test_ratios_are_on_a_logarithmic_scale_of_factors(full):
    panel = full.axes[4]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["0.5", "1", "2"]
    assert -panel.get_xlim()[0] == pytest.approx(panel.get_xlim()[1])


def test_the_interval_for_other_cells_is_a_separate_thin_line(full, twelve):
    assert "for other cells" in texts_of(full)
    thin = [collection for collection in full.axes[0].collections if collection.get_linewidth()[0] < 1]
    assert len(thin) == 7, "one for each swap that the panel reaches"


def test_the_values_of_a_long_axis_are_compared_with_the_first(twelve):
    rows = [word for word in texts_of(twelve) if word.startswith("k: ")]
    assert len(rows) == 11 and all(row.startswith("k: 2 \u2192") for row in rows)
    assert "Each value of k against the first; all pairs are in the table" in read_note(twelve)
    assert twelve.axes[0].get_title().split() == ["AMI", "with", "the", "truth"], "NMI rises with k by itself"


def test_the_note_has_the_sample_and_the_rule(full):
    note = read_note(full)
    assert "matched cells and 3 seeds; up to" in note and "left out" in note and "Of the planned pairs" in note
    assert "One number per run: last row (scores), whole run (times)." in note


def test_with_fewer_than_three_seeds_there_are_only_points():
    figure = draw_figure(make_results(TWELVE.replace("[0, 1, 2]", "[0]")))
    assert "With fewer than three seeds there is a point, but neither interval nor verdict." in read_note(figure)
    assert "too few seeds" in texts_of(figure) and find_faults(figure) == []


def test_the_noise_floor_is_a_hatched_band_on_scores_and_not_on_times():
    text = "name: m\naxes: {optimizer: [sgd, adam]}\nseeds: [0, 1, 2]\nrepeats: 2\nsettings: {epochs: 1}\n"
    analysis = analyse(make_results(text))
    with matplotlib.rc_context(STYLE):
        figure = forest.draw(analysis, None)
    floor = analysis.find_floor("nmi_true")
    hatched = [[patch for patch in panel.patches if patch.get_hatch()] for panel in figure.axes]
    assert [len(bands) for bands in hatched] == [1, 1, 1, 1, 0, 0]
    (band,) = hatched[0]
    assert (band.get_x(), band.get_width()) == pytest.approx((-floor, 2 * floor))
    assert figure.axes[0].get_xlim()[1] > floor, "both ends are seen"
    assert "noise floor" in texts_of(figure) and f"are below {floor:.2g} on digits" in read_note(figure)
    assert find_faults(figure) == []


def test_without_a_noise_floor_there_is_no_band(twelve):
    assert not any(patch.get_hatch() for panel in twelve.axes for patch in panel.patches)
    assert "noise floor" not in texts_of(twelve) and "Noise floor" not in read_note(twelve)


def test_a_band_that_would_flatten_the_effects_leaves_the_panel_as_it_is():
    outcome = next(outcome for outcome in OUTCOMES if outcome.name == "nmi_true")
    effects = pd.DataFrame(
        {"mean": 0.04, "low": 0.03, "high": 0.05, "other_cells_low": 0.0, "other_cells_high": 0.1}
        | {"verdict": "better", "swap": 0},
        index=[0],
    )
    reaches = {}
    for floor in (None, 0.01, 0.1, 1.0):
        panel = Figure().subplots()
        forest.draw_effects(panel, outcome, effects, [5], floor)
        reaches[floor] = panel.get_xlim()[1] / 1.12
    assert reaches == pytest.approx({None: 0.05, 0.01: 0.05, 0.1: 0.105, 1.0: 0.05})


def test_without_two_runs_to_compare_there_is_no_figure():
    assert draw_figure(make_results("name: m\nsettings: {epochs: 1}\n")) is None


def test_none_is_an_ordinary_value():
    figure = draw_figure(
        make_results("name: m\naxes: {limit: [null, 500, 600, 700]}\nseeds: [0, 1, 2]\nsettings: {epochs: 1}\n")
    )
    assert "limit: none \u2192 700" in texts_of(figure)


@pytest.mark.parametrize(("extents", "reach"), [([0.1, 0.2, 0.5], 0.5), ([0.05, 0.06, 0.5], 0.06), ([0.05, 0.5], 0.05)])
def test_an_outlier_does_not_extend_the_panel(extents, reach):
    assert forest.limit_reach(extents, 0.02) == reach
