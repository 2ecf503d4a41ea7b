"""The figure of what training did under each ruler."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from dcbench.analysis.summary import analyse
from dcbench.core.columns import DEFAULT_RULER, METRICS, RULERS
from dcbench.figures import rulers
from tests.helpers.analyses import make_results
from tests.helpers.learning import pixels
from tests.helpers.text_overlap import find_faults

TEXT = "name: m\naxes: {dataset: [mnist, cifar10]}\nseeds: [0, 1, 2]\nsettings: {epochs: 3}\n"


def all_text(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def make_analysis(text=TEXT, baselines=()):
    results = make_results(text)
    rng = np.random.default_rng(0)
    for name, ruler in RULERS.items():
        change = {"knn": -0.1, "probe": 0.0}.get(name, 0.1)
        noise = 0.01 * rng.normal(size=len(results.rows))
        results.rows[ruler.column] = 0.5 + change * results.rows["epoch"] + noise
    return analyse(replace(results, baselines=pd.DataFrame(list(baselines))))


def list_points(panel):
    """Return the marker and the place of each single point of a panel."""
    lines = [line for line in panel.lines if line.get_marker() not in ("None", None) and len(line.get_xdata()) == 1]
    return [(line.get_marker(), float(line.get_xdata()[0])) for line in lines]


def sort_by_judge(table):
    """Return the rows of mnist as the figure has them: those of the ruler that judges first."""
    rows = table[table["dataset"] == "mnist"].to_dict("records")
    return sorted(rows, key=lambda row: row["ruler"] != DEFAULT_RULER)


def test_each_ruler_is_a_line_with_both_scores_and_the_change_with_its_interval():
    analysis = make_analysis()
    figure = rulers.draw(analysis, None)
    scores, changes, other_scores, _ = figure.axes
    assert [scores.get_title(), other_scores.get_title()] == ["mnist", "cifar10"]
    gains = sort_by_judge(analysis.gains)
    places = [place for marker, place in list_points(scores) if marker != "x"]
    assert places == pytest.approx([gain[end] for gain in gains for end in ("untrained", "trained")])
    markers = {"raised": "^", "lowered": "v", "same": "s", "cannot tell": "o"}
    assert list_points(changes) == [(markers[gain["verdict"]], pytest.approx(gain["gain"])) for gain in gains]
    bars = [segment for bar in changes.collections for segment in bar.get_segments()]
    assert [bar[:, 0].tolist() for bar in bars] == [pytest.approx([gain["low"], gain["high"]]) for gain in gains]
    text = " ".join(all_text(figure).split())
    assert all(METRICS[ruler.column].label in text for ruler in RULERS.values()), "every ruler has its score"
    assert f"{DEFAULT_RULER}, which judges" in text
    assert all(word in text for word in ("raised", "lowered", "cannot tell")) and "best pixels" not in text
    assert not find_faults(figure)


def test_the_best_pixels_are_marked_by_every_ruler_that_compares_them():
    scores = {ruler.column: 0.6 + 0.01 * place for place, ruler in enumerate(RULERS.values())}
    baselines = [pixels(seed=seed, **scores) for seed in (0, 1, 2)]
    analysis = make_analysis(baselines=baselines)
    figure = rulers.draw(analysis, None)
    crosses = [place for marker, place in list_points(figure.axes[0]) if marker == "x" and not np.isnan(place)]
    order = sorted(RULERS, key=lambda ruler: ruler != DEFAULT_RULER)
    assert crosses == pytest.approx([scores[RULERS[ruler].column] for ruler in order if ruler != "own"])
    assert "best pixels" in all_text(figure) and not find_faults(figure)


def test_one_seed_has_no_interval_but_the_noise_floor():
    one_seed = make_analysis(TEXT.replace("[0, 1, 2]", "[0]"))
    text = all_text(rulers.draw(one_seed, None))
    assert "No interval: it takes 3 seeds" in text and "too few seeds" in text and "noise floor" not in text
    twins = make_analysis("name: m\naxes: {input_channels: [3, 1]}\nsettings: {dataset: mnist, epochs: 3}\n")
    figure = rulers.draw(twins, None)
    changes = figure.axes[1]
    floors = [twins.find_floor(gain["metric"], "mnist") for gain in sort_by_judge(twins.gains)]
    bands = [sorted({patch.get_x(), patch.get_x() + patch.get_width()}) for patch in changes.patches]
    assert bands == [pytest.approx([-floor, floor]) for floor in floors]
    assert "noise floor" in all_text(figure) and not find_faults(figure)


def test_many_datasets_are_cut_to_what_fits():
    text = TEXT.replace("[mnist, cifar10]", "[mnist, cifar10, digits, svhn, kmnist]")
    figure = rulers.draw(make_analysis(text), None)
    assert len(figure.axes) == 2 * rulers.MAX_DATASETS and "1 more dataset in the table" in all_text(figure)
    assert not find_faults(figure)


def test_untrained_runs_have_no_figure():
    assert rulers.draw(make_analysis(TEXT.replace("epochs: 3", "epochs: 0")), None) is None
