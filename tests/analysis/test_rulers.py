"""Which ruler judges, and what training did under each of them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dcbench.analysis.rulers import choose_ruler, list_rulers
from dcbench.analysis.summary import analyse
from dcbench.core.columns import DEFAULT_RULER, RULERS
from dcbench.errors import ResultsError
from tests.helpers.analyses import make_results

TEXT = """name: m
axes: {dataset: [mnist, cifar10], optimizer: [sgd, adam]}
seeds: [0, 1, 2]
settings: {epochs: 3}
"""


@pytest.fixture
def results():
    """Results that every ruler scored; training raises each score, and by `knn` it lowers it."""
    results = make_results(TEXT)
    rng = np.random.default_rng(0)
    rows = results.rows
    columns = {ruler.column: 0.3 + 0.1 * rows["epoch"] + 0.01 * rng.normal(size=len(rows)) for ruler in RULERS.values()}
    columns["test_knn_accuracy"] = 0.9 - 0.1 * rows["epoch"] + 0.01 * rng.normal(size=len(rows))
    return replace(results, rows=rows.assign(**columns))


def without(results, ruler, rows=slice(None)):
    frame = results.rows.copy()
    frame.loc[frame.index[rows], RULERS[ruler].column] = np.nan
    return replace(results, rows=frame)


def test_the_default_ruler_judges_where_it_scored_all_rows(results):
    assert list_rulers(results.rows) == list(RULERS) and choose_ruler(results, None) == DEFAULT_RULER
    analysis = analyse(results)
    assert analysis.quality == "pca_whitened_nmi_true" and analysis.gain == "gain_pca_whitened_nmi_true"
    assert analysis.finals[analysis.gain].between(0.2, 0.4).all()


@pytest.mark.parametrize("rows", [slice(None), slice(0, 1)], ids=["all rows", "one row"])
def test_runs_from_before_the_ruler_are_judged_by_their_own_clustering(results, rows):
    analysis = analyse(without(results, DEFAULT_RULER, rows))
    assert (analysis.ruler, analysis.quality, analysis.gain) == ("own", "nmi_true", "gain_nmi_true")


def test_a_ruler_that_some_row_lacks_cannot_be_asked_for(results):
    with pytest.raises(ResultsError, match=r"not all rows were scored by the ruler 'knn'.*own, refit.*--redo"):
        analyse(without(results, "knn", slice(3, 4)), ruler="knn")
    assert analyse(results, ruler="knn").quality == "test_knn_accuracy"


def test_the_own_ruler_is_the_ami_where_k_varies_and_no_other_ruler_is():
    text = TEXT.replace("optimizer: [sgd, adam]", "k: [5, 10]")
    assert analyse(make_results(text), ruler="own").quality == "ami_true"
    assert analyse(make_results(text), ruler="refit").quality == "refit_nmi_true"


def test_gains_are_those_of_an_independent_computation(results):
    gains = analyse(results).gains.set_index(["dataset", "ruler"])
    assert len(gains) == 2 * len(RULERS)
    rows = results.rows[results.rows["dataset"] == "mnist"]
    for name, ruler in RULERS.items():
        scores = rows.pivot_table(index=["optimizer", "seed"], columns="epoch", values=ruler.column)
        by_seed = (scores[3] - scores[0]).groupby("seed").mean()
        row = gains.loc["mnist", name]
        assert (row["runs"], row["seeds"], row["metric"]) == (6, 3, ruler.column)
        assert row["untrained"] == pytest.approx(scores[0].mean()) and row["trained"] == pytest.approx(scores[3].mean())
        assert row["gain"] == pytest.approx(by_seed.mean())
        low, high = stats.t.interval(0.95, 2, by_seed.mean(), stats.sem(by_seed))
        assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    assert (gains.loc[("mnist", "knn"), "high"] < 0) and (gains.loc[("mnist", "pca"), "low"] > 0)


def test_untrained_runs_have_no_gain():
    assert analyse(make_results(TEXT.replace("epochs: 3", "epochs: 0"))).gains.empty


def test_without_finished_runs_there_are_no_gains():
    analysis = analyse(make_results(TEXT, pending=range(12)))
    assert analysis.gains.empty and analysis.ruler == DEFAULT_RULER


def test_untrained_runs_are_judged_by_the_default_ruler_all_the_same(results):
    rows = results.rows[results.rows["epoch"] == 0]
    analysis = analyse(replace(results, rows=rows))
    assert analysis.gains.empty and analysis.ruler == DEFAULT_RULER
