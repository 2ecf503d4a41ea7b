import math

import matplotlib
import pytest

from dcbench.analysis.summary import analyse
from dcbench.figures import interactions
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.theme import STYLE
from tests.helpers.analyses import FULL, TWELVE, make_results
from tests.helpers.text_overlap import find_faults, find_texts


def draw_figure(results):
    with matplotlib.rc_context(STYLE):
        return interactions.draw(analyse(results), None)


@pytest.fixture(scope="module")
def full():
    return draw_figure(make_results(FULL))


def texts_of(figure):
    return [text.get_text() for text, _ in find_texts(figure)]


def test_all_texts_are_legible(full):
    assert find_faults(full) == [] and find_faults(draw_figure(make_results(TWELVE))) == []


def test_the_planted_interaction_is_listed_first_and_drawn(full):
    rows = [word for word in texts_of(full) if "\u2192" in word]
    assert rows[0] == "optimizer: sgd \u2192 adam"
    assert {"input_channels 1 against 3", "input_channels 2 against 3"} & set(texts_of(full)), "both are .03"
    panel = full.axes[1]
    assert (panel.get_title(), panel.get_xlabel()) == ("optimizer: sgd \u2192 adam", "input_channels")
    means = panel.get_lines()[1].get_ydata()
    assert list(means) == pytest.approx([-0.03, 0, 0], abs=0.01)


def test_panels_share_a_scale_and_the_list_is_limited(full):
    assert len(full.axes) == 5 and len({panel.get_ylim() for panel in full.axes[1:]}) == 1
    assert "The list shows the first 14; all are in the table." in read_note(full)


def test_the_note_counts_interactions_and_has_the_sample(full):
    note = read_note(full)
    assert note.startswith("For 1 of 15 pairs of axes the interaction is significant.")
    assert "matched cells and 3 seeds" in note and "One number per run: last row." in note


def test_a_change_of_dataset_is_never_the_swap(full):
    assert not [word for word in texts_of(full) if word.startswith("dataset:")]


def test_one_seed_gives_no_verdict():
    figure = draw_figure(make_results(FULL.replace("[0, 1, 2]", "[0]")))
    assert read_note(figure).startswith("With fewer than three seeds there is neither interval nor verdict")
    assert find_faults(figure) == []


def test_without_crossed_axes_there_is_no_figure():
    assert draw_figure(make_results("name: m\naxes: {k: [5, 6]}\nsettings: {epochs: 1}\n")) is None


def test_the_noise_floor_of_a_difference_of_effects_is_that_of_four_runs(full):
    floor = analyse(make_results(FULL)).find_floor("nmi_true", "mnist")
    (band,) = [patch for patch in full.axes[0].patches if patch.get_hatch()]
    assert band.get_x() == pytest.approx(-math.sqrt(2) * floor) and band.get_width() == pytest.approx(-2 * band.get_x())
    assert "noise floor" in texts_of(full) and f"are below {floor:.2g} on mnist (" in read_note(full)


def test_effects_by_dataset_stand_before_the_floor_of_each():
    text = "name: m\naxes: {dataset: [digits, cifar10], arch: [alexnet, vgg16]}\nseeds: [0, 1, 2]\nrepeats: 2\n"
    results = make_results(text + "settings: {epochs: 1}\n")
    figure, analysis = draw_figure(results), analyse(results)
    bands = [patch for patch in figure.axes[1].patches if patch.get_hatch()]
    floors = [analysis.find_floor("nmi_true", name) for name in ("digits", "cifar10")]
    assert [band.get_height() for band in bands] == pytest.approx([2 * floor for floor in floors])
    assert [(band.get_x(), band.get_width()) for band in bands] == [(0, 0.5), (0.5, 0.5)]
    assert find_faults(figure) == []
