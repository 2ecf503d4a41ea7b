"""The figure of what training did under each ruler."""

import numpy as np
import pytest
from matplotlib.text import Text

from dcbench.analysis.summary import analyse
from dcbench.core.columns import METRICS, RULERS
from dcbench.figures import rulers
from tests.helpers.analyses import make_results
from tests.helpers.text_overlap import find_faults

TEXT = "name: m\naxes: {dataset: [mnist, cifar10]}\nseeds: [0, 1, 2]\nsettings: {epochs: 3}\n"


def all_text(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def make_analysis(text=TEXT):
    results = make_results(text)
    rng = np.random.default_rng(0)
    for name, ruler in RULERS.items():
        change = {"knn": -0.1, "probe": 0.0}.get(name, 0.1)
        noise = 0.01 * rng.normal(size=len(results.rows))
        results.rows[ruler.column] = 0.5 + change * results.rows["epoch"] + noise
    return analyse(results)


def test_each_ruler_is_a_row_with_both_scores_and_the_interval_of_the_change():
    analysis = make_analysis()
    figure = rulers.draw(analysis, None)
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == ["mnist", "cifar10"]
    points = [
        line for line in panels[0].lines if line.get_marker() not in ("None", None) and len(line.get_xdata()) == 1
    ]
    gains = analysis.gains[analysis.gains["dataset"] == "mnist"].to_dict("records")
    positions = [float(line.get_xdata()[0]) for line in points]
    assert positions == pytest.approx([gain[end] for gain in gains for end in ("untrained", "trained")])
    bars = [segment for bar in panels[0].collections for segment in bar.get_segments()]
    expected = [[gain["untrained"] + gain["low"], gain["untrained"] + gain["high"]] for gain in gains]
    assert [segment[:, 0].tolist() for segment in bars] == [pytest.approx(limits) for limits in expected]
    text = " ".join(all_text(figure).split())
    assert all(METRICS[ruler.column].label.split(",")[0] in text for ruler in RULERS.values())
    assert "better" in text and "worse" in text and "cannot tell" in text
    assert not find_faults(figure)


def test_one_seed_has_no_interval():
    text = all_text(rulers.draw(make_analysis(TEXT.replace("[0, 1, 2]", "[0]")), None))
    assert "No interval: it takes 3 seeds" in text and "too few seeds" in text


def test_many_datasets_are_cut_to_what_fits():
    text = TEXT.replace("[mnist, cifar10]", "[mnist, cifar10, digits, svhn, kmnist]")
    figure = rulers.draw(make_analysis(text), None)
    assert len(figure.axes) == rulers.MAX_PANELS and "1 more dataset in the table" in all_text(figure)
    assert not find_faults(figure)


def test_untrained_runs_have_no_figure():
    assert rulers.draw(make_analysis(TEXT.replace("epochs: 3", "epochs: 0")), None) is None
