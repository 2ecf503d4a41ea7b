"""Sentences on training, from made-up scores whose verdict is known; intervals and p values are computed by scipy."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dcbench.analysis.summary import OUTCOMES, analyse
from dcbench.core.columns import DEFAULT_RULER, GAIN, RULERS
from dcbench.report.findings.learning import find_false_ceilings, find_learning
from tests.helpers.analyses import make_results
from tests.helpers.learning import TEXT, pixels

RECIPE = "name: recipe\nseeds: [0, 1, 2, 3, 4]\nsettings: {dataset: mnist, epochs: 2}\n"
TWO_DATASETS = "name: two\naxes: {dataset: [mnist, cifar10]}\nseeds: [0, 1, 2]\nsettings: {epochs: 2}\n"

UP = [0.10, 0.12, 0.08, 0.11, 0.09]
DOWN = [-0.10, -0.12, -0.08, -0.11, -0.09]
UNCLEAR = [0.10, -0.12, 0.08, -0.11, 0.09]
"""Gains of five seeds."""


def make_analysis(gains, text=RECIPE, baselines=(), ruler=None):
    """Return an analysis of networks that score 0.5 untrained and gain by ruler what `gains` says of each seed."""
    results = make_results(text)
    rows = results.rows
    for name, column in ((name, ruler.column) for name, ruler in RULERS.items()):
        by_seed = rows["seed"].map(dict(enumerate(gains.get(name, [np.nan] * 5))))
        rows[column] = 0.5 + by_seed * (rows["epoch"] == 2)
    return analyse(replace(results, baselines=pd.DataFrame(list(baselines))), ruler=ruler)


def by_every_ruler(gain, **others):
    return dict.fromkeys(RULERS, gain) | others


def find_first(analysis):
    return next(find_learning(analysis))


def describe_interval(gains):
    """Return the words on the interval of a mean, with the numbers of scipy."""
    low, high = stats.t.interval(0.95, len(gains) - 1, np.mean(gains), stats.sem(gains))
    form = [f"{end:+.3f}".replace("-", "\N{MINUS SIGN}") for end in (low, high)]
    return f"95\N{NO-BREAK SPACE}% interval {form[0]} to {form[1]}"


# --- against the untrained network ----------------------------------------------------------


def test_a_change_within_the_margin_is_no_success_of_training():
    small = [0.004, 0.005, 0.006, 0.005, 0.005]
    finding = find_first(make_analysis(by_every_ruler(UNCLEAR, **{DEFAULT_RULER: small, "probe": small, "pca": UP})))
    low, high = stats.t.interval(0.9, 4, np.mean(small), stats.sem(small))
    assert (finding.verdict, finding.tone) == ("same", "open"), "another ruler does not overrule the one that judges"
    assert finding.text.startswith(
        "On mnist, training leaves the mean score the same within ±0.02 under the judging ruler pca_whitened: the mean "
        f"change is +0.005 (90\N{NO-BREAK SPACE}% interval {low:+.3f} to {high:+.3f}; 1 cell × 5 seeds)."
    )
    assert "it rose under pca (+0.100); it stayed the same within the margin under probe (+0.005)" in finding.text


def test_training_that_raises_the_score_under_every_ruler():
    finding = find_first(make_analysis(by_every_ruler(UP)))
    assert (finding.about, finding.verdict, finding.tone, finding.evidence) == ("mnist", "raised", "same", "rulers")
    assert finding.text == (
        "On mnist, training raised the mean score under all 7 rulers that scored all runs. Under the judging ruler "
        f"pca_whitened, it rose by 0.100 ({describe_interval(UP)}; 1 cell × 5 seeds). Under the other rulers, the "
        "change is: own (+0.100), refit (+0.100), l2 (+0.100), pca (+0.100), knn (+0.100) and probe (+0.100)."
    )


def test_training_that_lowers_the_score_under_the_judging_ruler_while_others_tell_nothing():
    finding = find_first(make_analysis(by_every_ruler(UNCLEAR, pca_whitened=DOWN)))
    assert (finding.verdict, finding.tone) == ("lowered", "bad")
    mean = f"{np.mean(UNCLEAR):+.3f}"
    assert finding.text == (
        "On mnist, training lowered the mean score by 0.100 under the judging ruler pca_whitened "
        f"({describe_interval(DOWN)}; 1 cell × 5 seeds). Under the other rulers, corrected for their number (Holm): it "
        f"is undecided under own ({mean}), refit ({mean}), l2 ({mean}), pca ({mean}), knn ({mean}) and probe ({mean})."
    )


def test_an_answer_that_depends_on_the_ruler_says_so_first():
    finding = find_first(make_analysis(by_every_ruler(UP, own=DOWN, refit=DOWN, knn=UNCLEAR)))
    assert (finding.verdict, finding.tone) == ("depends", "open")
    assert finding.text == (
        "On mnist, the answer depends on the ruler: training raised the mean score under pca_whitened (+0.100), "
        "l2 (+0.100), pca (+0.100) and probe (+0.100) and lowered it under own (\N{MINUS SIGN}0.100) and refit "
        f"(\N{MINUS SIGN}0.100); it is undecided under knn ({np.mean(UNCLEAR):+.3f}). Under the judging ruler "
        f"pca_whitened, the score rose by 0.100 ({describe_interval(UP)}; 1 cell × 5 seeds). own and refit cluster in "
        "the space of the runs, which whiten 256 dimensions."
    )


def test_an_unclear_judging_ruler_decides_nothing_though_others_contradict_each_other():
    finding = find_first(make_analysis(by_every_ruler(UP, pca_whitened=UNCLEAR, own=DOWN)))
    assert (finding.verdict, finding.tone) == ("depends", "open")
    assert (
        f"Under the judging ruler pca_whitened, it is undecided: the mean change is {np.mean(UNCLEAR):+.3f} "
        f"({describe_interval(UNCLEAR)}; 1 cell × 5 seeds)." in finding.text
    )
    finding = find_first(make_analysis(by_every_ruler(UP, pca_whitened=UNCLEAR)))
    assert (finding.verdict, finding.tone) == ("cannot tell", "open")
    assert finding.text.startswith(
        "On mnist, training may or may not change the mean score under the judging ruler pca_whitened: the mean change "
        f"is {np.mean(UNCLEAR):+.3f} ({describe_interval(UNCLEAR)}; 1 cell × 5 seeds). Under the other rulers, "
        "corrected for their number (Holm): it rose under own (+0.100)"
    )


def test_a_ruler_counts_only_after_the_correction_over_the_others():
    weak = [-0.10, -0.02, -0.06, -0.13, -0.01]
    assert 0.05 / 6 < stats.ttest_1samp(weak, 0).pvalue < 0.05
    finding = find_first(make_analysis(by_every_ruler(UNCLEAR, pca_whitened=UP, own=weak)))
    assert finding.verdict == "raised" and f"it is undecided under own ({np.mean(weak):+.3f}" in finding.text.replace(
        "\N{MINUS SIGN}", "-"
    )


def test_verdicts_are_corrected_over_the_datasets():
    gains = [0.10, 0.18, 0.14]
    alone = stats.ttest_1samp(gains, 0).pvalue
    assert 0.025 < alone < 0.05
    first = find_first(make_analysis(by_every_ruler(gains), TWO_DATASETS.replace("[mnist, cifar10]", "[mnist, svhn]")))
    assert first.verdict == "cannot tell"
    assert (
        f"By itself, this would be a difference (p = {alone:.3g}), but not after Holm's correction over the datasets "
        f"(p = {2 * alone:.3g})." in first.text
    )
    assert find_first(make_analysis(by_every_ruler(gains), TWO_DATASETS.replace(", cifar10", ""))).verdict == "raised"


def test_every_dataset_has_its_own_verdict():
    findings = list(find_learning(make_analysis(by_every_ruler([0.100, 0.101, 0.099]), TWO_DATASETS)))
    assert [(finding.about, finding.verdict) for finding in findings] == [("mnist", "raised"), ("cifar10", "raised")]


def test_fewer_than_three_seeds_give_points_and_the_noise_floor_but_no_verdict():
    text = "name: m\naxes: {input_channels: [3, 1]}\nseeds: [0, 1]\nsettings: {dataset: mnist, epochs: 2}\n"
    analysis = make_analysis(by_every_ruler([0.1, 0.2]), text)
    finding = find_first(analysis)
    assert (finding.verdict, finding.tone) == ("too few seeds", "plain")
    assert "For comparison" not in finding.text, "the twins do not differ"
    analysis.results.rows["pca_whitened_nmi_true"] += 0.01 * np.random.default_rng(0).normal(
        size=len(analysis.results.rows)
    )
    analysis = analyse(analysis.results)
    floor, gain = analysis.find_floor(RULERS[DEFAULT_RULER].column, "mnist"), analysis.gains.set_index("ruler")["gain"]
    assert find_first(analysis).text == (
        "On mnist, training changes the mean score under the judging ruler pca_whitened by "
        f"{gain[DEFAULT_RULER]:+.3f} (2 cells × 2 seeds). 2 seeds are too few for an interval and a verdict. For "
        f"comparison, 95\N{NO-BREAK SPACE}% of the differences between two runs of the same experiment are below "
        f"{floor:.3f}. Under the other rulers, the change is: own (+0.150), refit (+0.150), l2 (+0.150), pca (+0.150), "
        "knn (+0.150) and probe (+0.150)."
    )


def test_runs_that_are_left_out_are_counted():
    results = make_results(RECIPE, failed=[1])
    (finding,) = find_learning(analyse(results))
    assert "1 cell × 4 seeds, 4 of 5 planned runs" in finding.text


def test_results_from_before_the_rulers_have_numbers_but_no_verdict():
    (finding,) = find_learning(make_analysis({"own": UP, "refit": UP}))
    assert (finding.verdict, finding.tone) == ("cannot tell", "open")
    assert finding.text == (
        "On mnist, training raised the mean score under both rulers that scored all runs. Under the judging ruler own, "
        f"it rose by 0.100 ({describe_interval(UP)}; 1 cell × 5 seeds). Under the other rulers, the change is: refit "
        "(+0.100). Not all runs have the scores of pca_whitened, by which dcbench judges otherwise, so this is no "
        "verdict on training."
    )
    (alone,) = find_learning(make_analysis({DEFAULT_RULER: UP}))
    assert alone.verdict == "raised" and alone.text.endswith("× 5 seeds). 6 other rulers did not score all runs.")


def test_the_ruler_that_is_asked_for_judges():
    analysis = make_analysis(by_every_ruler(UP, knn=DOWN), ruler="knn")
    assert "Under the judging ruler knn, the score fell by 0.100" in find_first(analysis).text


def test_without_trained_runs_nothing_is_judged():
    (unfinished,) = find_learning(analyse(make_results(TEXT, pending=range(8))))
    assert (unfinished.verdict, unfinished.evidence) == ("nothing yet", "coverage")
    assert unfinished.text == "No run is finished, so it is not known whether training helps."
    (failed,) = find_learning(analyse(make_results(TEXT, failed=range(8))))
    assert failed.text == unfinished.text
    (untrained,) = find_learning(analyse(make_results(TEXT.replace("epochs: 2", "epochs: 0"))))
    assert untrained.text == "No finished run has a training pass, so there is no training to judge."
    assert untrained.verdict == "nothing trained"


def test_without_a_score_nothing_is_judged():
    results = make_results(RECIPE)
    results.rows["nmi_true"] = np.nan
    (finding,) = find_learning(analyse(results))
    assert finding.text == "On mnist, no run has both an untrained and a final score by the ruler own."
    assert (finding.verdict, finding.tone) == ("no scores", "open")


# --- against pixels -------------------------------------------------------------------------


def pixel_baselines(score):
    """Return a baseline for each seed that scores `score` by all rulers, and a worse one."""
    scores = {ruler.column: score for ruler in RULERS.values()} | {"test_refit_nmi_true": score}
    worse = dict.fromkeys(scores, score - 0.1)
    return [pixels(seed=seed, whiten=whiten, **(worse if whiten else scores)) for seed in range(5) for whiten in (0, 1)]


def find_lead(analysis):
    _, finding = find_learning(analysis)
    assert finding.about == "mnist, pixels"
    return finding


def test_networks_above_the_best_pixels_under_every_ruler():
    finding = find_lead(make_analysis(by_every_ruler(UP), baselines=pixel_baselines(0.4)))
    assert (finding.verdict, finding.tone) == ("above", "same")
    leads = 0.1 + np.array(UP)
    assert finding.text == (
        "On mnist, the trained networks score above the best pixels under all 6 rulers that scored all runs. Under the "
        f"judging ruler pca_whitened, the difference is +0.200 ({describe_interval(leads)}; 1 cell × 5 seeds). Under "
        "the other rulers, it is: refit (+0.200), l2 (+0.200), pca (+0.200), knn (+0.200) and probe (+0.200)."
    )


def test_networks_below_the_best_pixels():
    finding = find_lead(make_analysis(by_every_ruler(UNCLEAR, pca_whitened=DOWN), baselines=pixel_baselines(0.5)))
    assert (finding.verdict, finding.tone) == ("below", "bad")
    assert finding.text.startswith(
        "On mnist, the trained networks score 0.100 below the best pixels (0.500) under the judging ruler pca_whitened "
        f"({describe_interval(DOWN)}; 1 cell × 5 seeds). Under the other rulers, corrected for"
    )


def test_whether_networks_are_above_pixels_may_depend_on_the_ruler_or_be_open():
    depends = find_lead(make_analysis(by_every_ruler(UP, knn=DOWN), baselines=pixel_baselines(0.5)))
    assert (depends.verdict, depends.tone) == ("depends", "open")
    assert "and score below them under knn (\N{MINUS SIGN}0.100)." in depends.text
    unclear = find_lead(make_analysis(by_every_ruler(UNCLEAR), baselines=pixel_baselines(0.5)))
    assert (unclear.verdict, unclear.tone) == ("cannot tell", "open")
    assert unclear.text.startswith("On mnist, the trained networks may or may not score above the best pixels (0.500)")


def test_own_names_the_score_that_it_compares_with_pixels():
    analysis = make_analysis(by_every_ruler(UP), baselines=pixel_baselines(0.4), ruler="own")
    assert "The ruler own compares with pixels by NMI with the truth, test, refit." in find_lead(analysis).text


def test_one_seed_is_too_few_for_a_verdict_on_pixels():
    text = RECIPE.replace("[0, 1, 2, 3, 4]", "[0]")
    finding = find_lead(make_analysis(by_every_ruler([0.1]), text, pixel_baselines(0.4)))
    assert (finding.verdict, finding.tone) == ("too few seeds", "plain")
    assert finding.text.startswith(
        "On mnist, the mean score of the trained networks less that of the best pixels (0.400) is +0.200 under the "
        "judging ruler pca_whitened (1 cell × 1 seed). One seed is too few for an interval and a verdict."
    )


# --- the supervised level -------------------------------------------------------------------


@pytest.mark.parametrize(("supervised", "expected"), [(0.9, []), (0.4, ["mnist"])])
def test_supervised_networks_are_a_ceiling_only_above_all_others(supervised, expected):
    results = make_results(TEXT, score=lambda spec, rng: 0.5 if spec.dataset == "mnist" else 0.1)
    outcomes = [metric for metric in OUTCOMES if metric.name in ("nmi_true", GAIN)]
    baselines = [pixels(method="supervised", test_refit_nmi_true=supervised), pixels(test_refit_nmi_true=0.99)]
    ceilings = find_false_ceilings(analyse(replace(results, baselines=pd.DataFrame(baselines)), outcomes))
    assert [entry["name"] for entry in ceilings] == expected
    assert all(entry["supervised"] == 0.4 and entry["best"] == pytest.approx(0.483, abs=0.001) for entry in ceilings)
    assert find_false_ceilings(analyse(results, outcomes)) == []
