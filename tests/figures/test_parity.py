from dataclasses import replace

import pandas as pd
import pytest

from dcbench.analysis import results
from dcbench.analysis.summary import analyse
from dcbench.core.store.run_dir import MatrixDir
from dcbench.figures import parity
from tests.helpers.paths import TOP


@pytest.fixture(scope="module")
def analysis():
    return analyse(results.read_results(MatrixDir(TOP / "results" / "small_cpu")))


def test_the_figure_shows_agreement_and_seconds_of_the_committed_table(analysis):
    figure = parity.draw(analysis, None)
    agreement_panel, seconds_panel = figure.axes
    assert [text.get_text() for text in agreement_panel.get_yticklabels()][:3] == [
        "k-means, k = 10",
        "k-means, k = 100",
        "chain, k = 10",
    ]
    assert "PCA (defaults)" in [text.get_text() for text in seconds_panel.get_yticklabels()]
    table = analysis.results.parity
    points = {tuple(map(float, line.get_xdata())) for line in seconds_panel.get_lines() if len(line.get_xdata()) == 1}
    times = table[table["measure"].isin(list(parity.TIMED_STAGES))]["value"].dropna()
    assert points == {(value,) for value in times}, "every time is a point"
    assert [text.get_text() for text in seconds_panel.get_legend().get_texts()] == ["faiss", "sklearn", "torch"]


def test_rows_of_several_datasets_have_their_names(analysis):
    both = pd.concat(
        [analysis.results.parity, analysis.results.parity.assign(dataset="cifar10", limit=None)], ignore_index=True
    )
    figure = parity.draw(replace(analysis, results=replace(analysis.results, parity=both)), None)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert "mnist: k-means, k = 10" in labels and "cifar10: chain, k = 100" in labels


def test_without_measurements_there_is_no_figure(analysis):
    assert (
        parity.draw(replace(analysis, results=replace(analysis.results, parity=analysis.results.parity.iloc[:0])), None)
        is None
    )
