"""Which ruler judges, and what training did under each of them."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dcbench.analysis.rulers import choose_ruler, find_best_pixels, list_rulers
from dcbench.analysis.summary import analyse
from dcbench.core.columns import DEFAULT_RULER, RULERS
from dcbench.errors import ResultsError
from tests.helpers.analyses import make_results
from tests.helpers.learning import pixels

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
    assert analysis.quality == "pca_whitened_nmi_true"
    assert analysis.finals["gain_pca_whitened_nmi_true"].between(0.2, 0.4).all()


@pytest.mark.parametrize("rows", [slice(None), slice(0, 1)], ids=["all rows", "one row"])
def test_runs_from_before_the_ruler_are_judged_by_their_own_clustering(results, rows):
    analysis = analyse(without(results, DEFAULT_RULER, rows))
    assert (analysis.ruler, analysis.quality) == ("own", "nmi_true")


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
        assert (row["runs"], row["planned"], row["cells"], row["seeds"], row["metric"]) == (6, 6, 2, 3, ruler.column)
        assert row["untrained"] == pytest.approx(scores[0].mean()) and row["trained"] == pytest.approx(scores[3].mean())
        assert row["gain"] == pytest.approx(by_seed.mean())
        low, high = stats.t.interval(0.95, 2, by_seed.mean(), stats.sem(by_seed))
        assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
        assert row["p"] == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue)
    assert (gains.loc[("mnist", "knn"), "high"] < 0) and (gains.loc[("mnist", "pca"), "low"] > 0)


def set_gains(results, gains):
    """Return the results with an untrained score of 0.5, and for each ruler the gain of each seed."""
    rows = results.rows.copy()
    trained = (rows["epoch"] == 3).astype(float)
    for name, ruler in RULERS.items():
        rows[ruler.column] = 0.5 + trained * rows["seed"].map(dict(enumerate(gains[name])))
    return replace(results, rows=rows)


def test_a_change_within_the_margin_is_the_same_however_certain(results):
    small = [0.004, 0.005, 0.006]
    gains = analyse(set_gains(results, dict.fromkeys(RULERS, small))).gains
    row = gains[(gains["dataset"] == "mnist") & (gains["ruler"] == DEFAULT_RULER)].iloc[0]
    low, high = stats.t.interval(0.9, 2, np.mean(small), stats.sem(small))
    assert row["p_holm"] < 0.05 and (row["low_90"], row["high_90"]) == (pytest.approx(low), pytest.approx(high))
    assert row["p_same"] == pytest.approx(stats.ttest_1samp(small, row["margin"], alternative="less").pvalue)
    # The best cell scores 0.505 and there is no chance to subtract, so a tenth is more than 0.02.
    assert row["margin"] == 0.02 and set(gains["verdict"]) == {"same"} and set(gains["every_ruler"]) == {""}


def test_the_judging_ruler_is_corrected_over_the_datasets_and_the_others_over_each_other(results):
    rng = np.random.default_rng(3)
    gains = analyse(set_gains(results, {name: rng.normal(0.1, 0.03, size=3) for name in RULERS}), ruler="l2").gains
    judging = gains["ruler"] == "l2"
    families = [gains[judging], *(gains[~judging & (gains["dataset"] == name)] for name in ("mnist", "cifar10"))]
    assert [len(family) for family in families] == [2, 6, 6]
    for family in families:
        # Holm's step-down, written out: the smallest of n times n, the next times n - 1, never falling.
        ordered, largest = family.sort_values("p"), 0.0
        for place, row in enumerate(ordered.to_dict("records")):
            largest = max(largest, min(1.0, row["p"] * (len(ordered) - place)))
            assert row["p_holm"] == pytest.approx(largest)
            direction = "raised" if row["gain"] > 0 else "lowered"
            # All gains are far above the margin.
            assert row["verdict"] == (direction if largest < 0.05 else "cannot tell")
    assert ((gains["p"] < 0.05) & (gains["verdict"] == "cannot tell")).any(), "the correction decides"
    assert set(analyse(results).gains["every_ruler"]) == {""}, "knn says the opposite"


def test_every_ruler_says_so_where_the_largest_p_value_does(results):
    clear, unsure = [0.10, 0.11, 0.12], [0.09, 0.10, 0.16]
    assert stats.ttest_1samp(clear, 0).pvalue < 0.004 and 0.025 < stats.ttest_1samp(unsure, 0).pvalue < 0.05
    one_dataset = make_results(TEXT.replace("[mnist, cifar10]", "[mnist]"))
    gains = analyse(set_gains(one_dataset, dict.fromkeys(RULERS, clear) | {"knn": unsure})).gains
    assert set(gains["every_ruler"]) == {"raised"}, "0.05 for each ruler, uncorrected"
    both = analyse(set_gains(results, dict.fromkeys(RULERS, clear) | {"knn": unsure})).gains
    assert set(both["every_ruler"]) == {""}, "corrected over two datasets"


def test_runs_that_not_every_seed_has_are_left_out():
    gains = analyse(make_results(TEXT, failed=[0])).gains.set_index(["dataset", "ruler"])
    assert gains.loc[("mnist", "own"), ["runs", "planned", "cells", "seeds"]].tolist() == [3, 6, 1, 3]
    assert gains.loc[("cifar10", "own"), ["runs", "planned", "cells", "seeds"]].tolist() == [6, 6, 2, 3]


def test_further_repeats_are_no_further_seeds():
    gains = analyse(make_results(TEXT.replace("[0, 1, 2]", "[0, 1, 2]\nrepeats: 2"))).gains
    assert set(gains["runs"]) == set(gains["planned"]) == {6} and set(gains["seeds"]) == {3}


def test_the_distance_to_pixels_is_paired_by_seed_with_the_best_baseline(results):
    baselines = [
        pixels(dataset=name, seed=seed, pca_dim=dim, pca_whitened_nmi_true=0.1 * seed + (0.3 if dim else 0.2))
        for name in ("mnist", "cifar10") for seed in (0, 1, 2) for dim in (None, 256)
    ]  # fmt: skip
    table = analyse(replace(results, baselines=pd.DataFrame(baselines))).over_pixels
    assert list(table["ruler"]) == [DEFAULT_RULER] * 2, "pixels have no other score, and none by `own`"
    rows = results.rows[(results.rows["dataset"] == "mnist") & (results.rows["epoch"] == 3)]
    by_seed = rows.groupby("seed")["pca_whitened_nmi_true"].mean() - pd.Series({0: 0.3, 1: 0.4, 2: 0.5})
    row = table.iloc[0]
    assert row["pixels"] == pytest.approx(0.4) and row["over_pixels"] == pytest.approx(by_seed.mean())
    low, high = stats.t.interval(0.95, 2, by_seed.mean(), stats.sem(by_seed))
    assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    assert row["p"] == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue)


def test_own_is_compared_with_pixels_by_the_refit_of_test_images_and_only_where_it_judges():
    results = make_results(TEXT)
    baselines = pd.DataFrame([pixels(seed=seed, refit_nmi_true=0.4) for seed in (0, 1, 2)])
    table = analyse(replace(results, baselines=baselines)).over_pixels
    assert table[["ruler", "metric"]].to_numpy().tolist() == [
        ["own", "test_refit_nmi_true"], ["refit", "refit_nmi_true"]
    ]  # fmt: skip
    table = analyse(replace(results, baselines=baselines), ruler="refit").over_pixels
    assert list(table["ruler"]) == ["refit"]


def test_the_best_pixels_are_those_of_the_same_images_and_seed():
    baselines = pd.DataFrame(
        [
            pixels(method="supervised", refit_nmi_true=0.99),
            pixels(refit_nmi_true=0.5), pixels(whiten=True, refit_nmi_true=0.6),
            pixels(seed=1, refit_nmi_true=0.7), pixels(limit=500, refit_nmi_true=0.9),
            pixels(seed=2, refit_nmi_true=0.4), pixels(seed=2, whiten=True, state="failed", refit_nmi_true=0.1),
            pixels(seed=3, refit_nmi_true=0.3), pixels(seed=3, whiten=True, state="skipped"),
        ]
    )  # fmt: skip
    best = find_best_pixels(baselines, "refit_nmi_true")
    unknown = best.pop(("mnist, none, none", 2))
    assert math.isnan(unknown), "the one that failed may have been the best"
    images = "mnist, none, none"
    assert best == {(images, 0): 0.6, (images, 1): 0.7, ("mnist, 500, none", 0): 0.9, (images, 3): 0.3}
    assert find_best_pixels(pd.DataFrame(), "refit_nmi_true") == {}


def test_untrained_runs_have_no_gain():
    assert analyse(make_results(TEXT.replace("epochs: 3", "epochs: 0"))).gains.empty


def test_without_finished_runs_there_are_no_gains():
    analysis = analyse(make_results(TEXT, pending=range(12)))
    assert analysis.gains.empty and analysis.ruler == DEFAULT_RULER


def test_untrained_runs_are_judged_by_the_default_ruler_all_the_same(results):
    rows = results.rows[results.rows["epoch"] == 0]
    analysis = analyse(replace(results, rows=rows))
    assert analysis.gains.empty and analysis.ruler == DEFAULT_RULER
