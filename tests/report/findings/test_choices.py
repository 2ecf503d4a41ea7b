"""Sentences about the axes, from results with known effects."""

from dataclasses import replace

import pytest

from dcbench.analysis.summary import analyse
from dcbench.report.findings.choices import find_choice_effects
from tests.helpers.analyses import make_results
from tests.helpers.findings import METRICS_USED, SMALL


def make_analysis(text=SMALL, effect=lambda spec: 0.0, noise=0.004, seconds=None, **unfinished):
    """Return the Analysis of a matrix whose scores are the sum of an effect, a level for each seed, and noise."""

    def score(spec, rng):
        return 0.4 + effect(spec) + 0.05 * spec.seed + noise * rng.normal()

    took = seconds or (lambda spec, rng: 10.0 + 0.1 * rng.normal())
    return analyse(make_results(text, score=score, seconds=took, **unfinished), METRICS_USED)


def findings_about(analysis, axis):
    return [finding for finding in find_choice_effects(analysis) if finding.about == axis]


def adam(size):
    return lambda spec: size * (spec.optimizer == "adam")


@pytest.mark.parametrize(
    ("size", "verdict", "tone", "words"),
    [
        (0.1, "adam better", "difference", "raises NMI with the truth on mnist by 0."),
        (-0.1, "sgd better", "difference", "lowers NMI with the truth on mnist by 0."),
        (0.0, "same", "same", "leaves NMI with the truth the same on mnist within ±0.02: "),
    ],
)
def test_a_choice_of_two_has_verdict_size_and_interval(size, verdict, tone, words):
    (finding,) = findings_about(make_analysis(effect=adam(size)), "optimizer")
    assert (finding.kind, finding.verdict, finding.tone, finding.evidence) == ("choice", verdict, tone, "effects")
    assert finding.text.startswith(f"Using adam instead of sgd (with lr 0.05 → 0.001) {words}")
    level = 90 if verdict == "same" else 95  # two one-sided tests at 5 % use the 90 % interval
    assert f"{level}\N{NO-BREAK SPACE}% interval" in finding.text and "4 cells × 3 seeds)" in finding.text
    assert "The time of the run changes by ×1.00 (×" in finding.text and "equally fast)." in finding.text


def test_an_undecided_effect_has_the_verdict_cannot_tell():
    (finding,) = findings_about(make_analysis(effect=adam(0.03), noise=0.08), "optimizer")
    assert finding.verdict == "cannot tell" and "may or may not change NMI with the truth on mnist: " in finding.text


def test_an_effect_that_holms_correction_makes_undecided_has_both_in_its_sentence():
    analysis = make_analysis(effect=adam(0.1))
    effects = analysis.effects
    effects.loc[effects["axis"] == "optimizer", ["verdict", "p", "p_holm"]] = ["cannot tell", 0.03, 0.09]
    (finding,) = findings_about(analysis, "optimizer")
    assert "excludes 0, but not after Holm's correction over all swaps (p = 0.09)" in finding.text


def test_a_backend_sentence_has_quality_and_time():
    faster = make_analysis(
        seconds=lambda spec, rng: (2.0 if spec.kmeans_backend == "sklearn" else 10.0) + 0.01 * rng.normal()
    )
    (finding,) = findings_about(faster, "backend")
    assert (finding.kind, finding.verdict, finding.evidence) == ("backend", "interchangeable", "backends")
    assert "leaves NMI with the truth the same on mnist" in finding.text
    assert (
        "The time of clustering changes by ×0.20 (×0.20 to ×0.20, faster). The time of the run changes by ×0.20"
        in finding.text
    )


def test_backends_with_different_quality_are_not_interchangeable():
    (finding,) = findings_about(make_analysis(effect=lambda spec: 0.1 * (spec.kmeans_backend == "sklearn")), "backend")
    assert finding.verdict == "not interchangeable"


def test_no_dataset_is_called_better():
    analysis = make_analysis(effect=lambda spec: -0.3 * (spec.dataset == "cifar10"))
    (finding,) = findings_about(analysis, "dataset")
    assert finding.verdict == "condition" and "on mnist and" in finding.text
    assert not any("mnist better" in sentence.verdict for sentence in find_choice_effects(analysis))
    joined = (
        SMALL.replace("  dataset: [mnist, cifar10]\n", "") + "zip: [{dataset: [mnist, cifar10], limit: [500, 600]}]\n"
    )
    assert findings_about(make_analysis(joined), "dataset + limit")[0].verdict == "condition"


def test_with_one_seed_there_are_point_estimates_and_one_note():
    analysis = make_analysis(SMALL.replace("[0, 1, 2]", "[0]"), effect=adam(0.1), noise=0)
    findings = list(find_choice_effects(analysis))
    assert [finding.verdict for finding in findings].count("no verdicts") == 1 and findings[0].text.startswith(
        "With 1 seed there are only point"
    )
    (finding,) = findings_about(analysis, "optimizer")
    assert finding.text.startswith(
        "Using adam instead of sgd (with lr 0.05 → 0.001) changes NMI with the truth on mnist by +0.100, "
    )
    assert "Over both, the mean change is +0.100 (4 cells × 1 seed)." in finding.text and "interval" not in finding.text
    assert "of 4 pairs" not in finding.text, "a count of the pairs of one seed reads like a test"
    assert finding.verdict == "" and not findings_about(analysis, "interactions")


MANY = """name: many
axes: {k: [2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100, 150], optimizer: [sgd, adam]}
seeds: [0, 1, 2]
settings: {dataset: mnist, epochs: 2}
"""


def test_an_axis_of_twelve_values_has_one_sentence():
    analysis = make_analysis(MANY, effect=lambda spec: 0.001 * spec.k, noise=0.0005)
    (finding,) = findings_about(analysis, "k")
    assert finding.verdict == "matters"
    assert finding.text.startswith("AMI with the truth is highest at 150 (") and "lowest at 2 (" in finding.text
    assert "The highest, 150, differs from 11 of the 11 others. The verdict on 66 swaps: " in finding.text
    (same,) = findings_about(make_analysis(MANY), "k")
    assert same.verdict == "same" and "0 different, 66 the same within ±0.02, 0 undecided." in same.text


def test_values_of_zipped_axes_are_quoted():
    text = SMALL.replace("  optimizer: [sgd, adam]\n", "") + "zip: [{optimizer: [sgd, adam], lr: [0.1, 0.01]}]\n"
    (finding,) = findings_about(make_analysis(text, effect=adam(0.1)), "optimizer + lr")
    assert (
        finding.text.startswith("Using “adam, 0.01” instead of “sgd, 0.1” raises")
        and finding.verdict == "“adam, 0.01” better"
    )


def test_an_interaction_sentence_has_the_effect_under_each_condition():
    def effect(spec):
        return 0.3 * (spec.optimizer == "adam" and spec.dataset == "mnist")

    (finding,) = findings_about(make_analysis(effect=effect), "optimizer by dataset")
    assert finding.text.startswith("Using adam instead of sgd changes NMI with the truth by +0.3")
    assert (
        " where dataset is mnist and by 0.00" in finding.text.replace("−", "").replace("+", "")
        and finding.verdict == "depends"
    )
    assert ", a difference of −0.3" in finding.text


def test_an_interaction_sentence_has_the_sign_of_the_difference():
    def effect(spec):
        return -(0.3 if spec.dataset == "mnist" else 0.1) * (spec.optimizer == "adam")

    (finding,) = findings_about(make_analysis(effect=effect), "optimizer by dataset")
    assert (
        "by −0.3" in finding.text
        and "where dataset is mnist and by −0.1" in finding.text
        and "difference of +0.2" in finding.text
    )


def test_without_interactions_the_undecided_pairs_are_counted():
    analysis = make_analysis()
    rows = analysis.interactions.query("metric == 'nmi_true'").index
    texts = []
    for same in range(0, 4):
        analysis.interactions.loc[rows, "verdict"] = ["same"] * same + ["cannot tell"] * (3 - same)
        (finding,) = findings_about(analysis, "interactions")
        assert finding.verdict == "none found" and finding.text.startswith("No two swaps were found to interact: ")
        texts.append(finding.text.partition(": ")[2])
    assert texts[0] == "it is undecided for all 3 pairs."
    assert texts[1] == "1 of 3 pairs do not, within ±0.02; it is undecided for the others."
    assert texts[3] == "all 3 pairs do not, within ±0.02."


def test_only_the_largest_interactions_have_sentences():
    analysis = make_analysis(SMALL.replace("  backend", "  arch: [alexnet, vgg16]\n  backend"))
    analysis.interactions["verdict"] = "higher"
    sizes = analysis.interactions.query("metric == 'nmi_true'")["mean"].abs().sort_values(ascending=False)
    findings = [finding for finding in find_choice_effects(analysis) if finding.verdict == "depends"]
    assert len(sizes) == 6 and len(findings) == 3 and f"{sizes.iloc[0]:.3f} (95" in findings[0].text
    assert findings_about(analysis, "interactions")[0].text == "The table has 3 more pairs of swaps that interact."


def test_an_axis_without_a_pair_has_the_verdict_no_pairs():
    half = {"pending": [index for index in range(24) if index // 6 % 2]}
    analysis = make_analysis(**half)
    assert set(analysis.finals["optimizer"]) == {"sgd"}
    (finding,) = findings_about(analysis, "optimizer")
    assert finding.verdict == "no pairs" and finding.evidence == "coverage"


def test_pairs_that_are_left_out_are_counted():
    (finding,) = findings_about(make_analysis(failed=[0]), "backend")
    assert "3 cells × 3 seeds, 9 of 12 planned pairs)" in finding.text


def test_unmatched_planned_seeds_are_counted_instead_of_asking_for_more_seeds():
    late = [index for index in range(24) if index % 3 == 2]
    (finding,) = [
        finding for finding in find_choice_effects(make_analysis(pending=late)) if finding.verdict == "no verdicts"
    ]
    assert finding.text == (
        "Only 2 of the 3 planned seeds can be matched so far, so there are only point estimates, without intervals and "
        "verdicts."
    )
    (finding,) = [
        finding
        for finding in find_choice_effects(make_analysis(SMALL.replace(", 1, 2", "")))
        if finding.verdict == "no verdicts"
    ]
    assert finding.text.startswith("With 1 seed ") and "Give the matrix at least 3 seeds." in finding.text


def test_runs_that_are_the_same_to_the_last_digit_are_no_pairs():
    results = make_results(SMALL.replace(", 1, 2", ""), score=lambda spec, rng: 0.4 + adam(0.1)(spec))
    # Nothing but the optimizer and the dataset changes what happens in a run.
    traces = (results.rows["optimizer"] == "adam") * 0.1 + (results.rows["dataset"] == "mnist") * 0.2
    copies = replace(results, rows=results.rows.assign(ari_true=0.5, pseudo_label_accuracy=0.5, nmi_previous=traces))
    analysis = analyse(copies, METRICS_USED)
    (finding,) = findings_about(analysis, "backend")
    assert "In each of the 4 pairs, training and clusters are the same in both runs, to the last digit." in finding.text
    row = analysis.effects.query("axis == 'backend' and metric == 'nmi_true'").iloc[0]
    assert (row["improved"], row["tied"], row["distinct"]) == (0.0, 1.0, 0)
    (finding,) = findings_about(analysis, "optimizer")
    assert (
        "The 4 pairs hold only 2 different pairs of runs. In the others, training and clusters repeat" in finding.text
    )


def test_what_cancels_over_the_datasets_is_not_the_same():
    analysis = make_analysis(effect=lambda spec: adam(0.05 if spec.dataset == "mnist" else -0.05)(spec))
    (finding,) = findings_about(analysis, "optimizer")
    assert (finding.verdict, finding.tone) == ("depends on the dataset", "difference")
    assert (
        "raises NMI with the truth on mnist by 0.0" in finding.text and "it lowers it on cifar10 by 0.0" in finding.text
    )


@pytest.mark.parametrize(("effect", "verdict"), [(0.0, "same"), (0.1, "adam better"), (None, "cannot tell")])
def test_of_many_datasets_only_the_mean_is_in_the_sentence(effect, verdict):
    text = SMALL.replace("[mnist, cifar10]", "[mnist, cifar10, digits, kmnist, svhn]")
    # Without an effect, the seeds contradict each other.
    analysis = make_analysis(text, effect=lambda spec: adam(0.3 * (spec.seed - 1) if effect is None else effect)(spec))
    (finding,) = findings_about(analysis, "optimizer")
    assert finding.verdict == verdict and "mnist" not in finding.text and "10 cells × 3 seeds" in finding.text


def test_a_dataset_that_tells_nothing_is_named():
    analysis = make_analysis(effect=lambda spec: adam(1.0)(spec) * (0.1 * (spec.seed - 1)) * (spec.dataset == "mnist"))
    (finding,) = findings_about(analysis, "optimizer")
    assert (finding.verdict, finding.tone) == ("undecided on mnist", "open")
    assert "may or may not change NMI with the truth on mnist: " in finding.text
    assert "it leaves it the same on cifar10 within ±0.02: " in finding.text


def test_the_highest_and_lowest_value_are_named_for_each_dataset():
    text = SMALL.replace("optimizer: [sgd, adam]", "input_channels: [3, 2, 1]")
    signs = {"mnist": 0.1, "cifar10": -0.1}
    analysis = make_analysis(text, effect=lambda spec: signs[spec.dataset] * spec.input_channels, noise=0.001)
    (finding,) = findings_about(analysis, "input_channels")
    assert finding.verdict == "matters on mnist and cifar10", "the effects cancel in the mean over both"
    assert finding.text.startswith("On mnist, NMI with the truth is highest at 3 (0.7") and "floor" not in finding.text
    assert (
        "On cifar10, NMI with the truth is highest at 1 (0.3" in finding.text and "Over both datasets, " in finding.text
    )


def test_pairs_without_the_metric_are_distinguished_from_missing_pairs():
    results = make_results(SMALL)
    half = results.rows["nmi_true"].where(results.rows["optimizer"] == "sgd")
    (finding,) = findings_about(
        analyse(replace(results, rows=results.rows.assign(nmi_true=half)), METRICS_USED), "optimizer"
    )
    assert finding.text == (
        "No two runs that differ in this choice alone both have NMI with the truth. The tables below show the other "
        "metrics."
    )


def test_an_axis_whose_values_share_no_seed_has_the_verdict_no_pairs():
    pending = [0, 1, 5]  # sgd has seed 2 alone, adam 0 and 1
    analysis = make_analysis(
        "name: m\naxes: {optimizer: [sgd, adam]}\nseeds: [0, 1, 2]\nsettings: {epochs: 2}\n", pending=pending
    )
    (finding,) = findings_about(analysis, "optimizer")
    assert analysis.levels.empty and finding.verdict == "no pairs"


def test_a_choice_with_the_value_none_has_a_time():
    (finding,) = findings_about(make_analysis(SMALL.replace("optimizer: [sgd, adam]", "limit: [null, 500]")), "limit")
    assert "The time of the run changes by ×" in finding.text


def test_values_with_too_few_seeds_or_without_runs_are_counted():
    text = "name: m\naxes: {pca_dim: [8, 9, 10, 11]}\nseeds: [0, 1, 2]\nsettings: {epochs: 2}\n"
    (finding,) = findings_about(make_analysis(text, pending=[7, 8, 10, 11]), "pca_dim")
    assert finding.verdict == "cannot tell" and "5 with fewer than 3 seeds." in finding.text
    (finding,) = findings_about(make_analysis(text, pending=range(6, 12)), "pca_dim")
    assert "2 of 4 values have matched runs." in finding.text and finding.verdict != "same"


def test_a_dataset_zipped_with_another_field_is_not_called_better():
    moved = "zip: [{dataset: [mnist, cifar10, kmnist], limit: [500, 600, 700]}]"
    text = f"name: m\n{moved}\nseeds: [0, 1, 2]\nsettings: {{epochs: 2}}\n"
    analysis = make_analysis(text, effect=lambda spec: spec.limit / 1000)
    assert not {"better", "worse"} & set(analysis.effects.query("metric == 'nmi_true'")["verdict"])
    assert {"higher", "lower"} & set(analysis.effects["verdict"]) and analysis.rankings == []


def test_effects_are_called_means_over_all_conditions_only_when_complete():
    (complete,), (partial,) = (
        findings_about(make_analysis(), "dataset"),
        findings_about(make_analysis(failed=range(18, 24)), "dataset"),
    )
    assert complete.text.endswith("All effects are means over all of these values.") and "effects" not in partial.text


def test_without_the_quality_metric_there_are_no_findings():
    results = make_results(SMALL)
    results.rows["nmi_true"] = float("nan")
    assert list(find_choice_effects(analyse(results))) == []
