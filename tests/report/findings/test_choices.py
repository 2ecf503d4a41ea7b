"""Sentences about the axes, from results whose truth is known."""

from dataclasses import replace

import pytest

from dcbench.analysis.summary import analyse
from dcbench.report.findings.choices import find_choice_effects
from tests.helpers.analyses import make_results
from tests.helpers.findings import SMALL, SPOKEN_OF


def analysis_of(text=SMALL, effect=lambda spec: 0.0, noise=0.004, seconds=None, **unfinished):
    """The Analysis of a matrix whose scores are an effect, the seeds' own and noise."""

    def score(spec, rng):
        return 0.4 + effect(spec) + 0.05 * spec.seed + noise * rng.normal()

    took = seconds or (lambda spec, rng: 10.0 + 0.1 * rng.normal())
    return analyse(make_results(text, score=score, seconds=took, **unfinished), SPOKEN_OF)


def findings_about(analysis, axis):
    return [finding for finding in find_choice_effects(analysis) if finding.about == axis]


def adam(size):
    return lambda spec: size * (spec.optimizer == "adam")


@pytest.mark.parametrize(
    ("size", "verdict", "tone", "words"),
    [
        (0.1, "adam better", "difference", "raises NMI with the truth by 0."),
        (-0.1, "sgd better", "difference", "lowers NMI with the truth by 0."),
        (0.0, "same", "same", "leaves NMI with the truth the same within ±0.02: "),
    ],
)
def test_a_choice_of_two_says_which_is_better_by_how_much_and_with_what(size, verdict, tone, words):
    (finding,) = findings_about(analysis_of(effect=adam(size)), "optimizer")
    assert (finding.kind, finding.verdict, finding.tone, finding.evidence) == ("choice", verdict, tone, "effects")
    assert finding.text.startswith(f"Using adam instead of sgd (with lr 0.05 → 0.001) {words}")
    level = 90 if verdict == "same" else 95  # what two one-sided tests at 5 % stand on
    assert f"{level}\N{NO-BREAK SPACE}% interval" in finding.text and "4 cells × 3 seeds)" in finding.text
    assert "The time of the run changes by ×1.00 (×" in finding.text and "equally fast)." in finding.text


def test_what_cannot_be_told_is_said_not_to_be():
    (finding,) = findings_about(analysis_of(effect=adam(0.03), noise=0.08), "optimizer")
    assert finding.verdict == "cannot tell" and "may or may not change NMI with the truth: " in finding.text


def test_an_interval_off_zero_that_the_correction_takes_back_says_so():
    analysis = analysis_of(effect=adam(0.1))
    lines = analysis.effects
    lines.loc[lines["axis"] == "optimizer", ["verdict", "p", "p_holm"]] = ["cannot tell", 0.03, 0.09]
    (finding,) = findings_about(analysis, "optimizer")
    assert "excludes 0, but not after Holm's correction over all swaps (p = 0.09)" in finding.text


def test_libraries_have_quality_and_time_side_by_side():
    faster = analysis_of(
        seconds=lambda spec, rng: (2.0 if spec.kmeans_backend == "sklearn" else 10.0) + 0.01 * rng.normal()
    )
    (finding,) = findings_about(faster, "backend")
    assert (finding.kind, finding.verdict, finding.evidence) == ("backend", "interchangeable", "backends")
    assert "leaves NMI with the truth the same" in finding.text
    assert (
        "The time of clustering changes by ×0.20 (×0.20 to ×0.20, faster). The time of the run changes by ×0.20"
        in finding.text
    )


def test_libraries_that_are_told_apart_are_not_interchangeable():
    (finding,) = findings_about(analysis_of(effect=lambda spec: 0.1 * (spec.kmeans_backend == "sklearn")), "backend")
    assert finding.verdict == "not interchangeable"


def test_no_dataset_is_ever_better():
    analysis = analysis_of(effect=lambda spec: -0.3 * (spec.dataset == "cifar10"))
    (finding,) = findings_about(analysis, "dataset")
    assert finding.verdict == "condition" and "on mnist and" in finding.text
    assert not any("mnist better" in sentence.verdict for sentence in find_choice_effects(analysis))
    joined = (
        SMALL.replace("  dataset: [mnist, cifar10]\n", "") + "zip: [{dataset: [mnist, cifar10], limit: [500, 600]}]\n"
    )
    assert findings_about(analysis_of(joined), "dataset + limit")[0].verdict == "condition"


def test_one_seed_is_said_once_with_points():
    analysis = analysis_of(SMALL.replace("[0, 1, 2]", "[0]"), effect=adam(0.1), noise=0)
    findings = list(find_choice_effects(analysis))
    assert [finding.verdict for finding in findings].count("no verdicts") == 1 and findings[0].text.startswith(
        "With 1 seed there are only point"
    )
    (finding,) = findings_about(analysis, "optimizer")
    assert finding.text.startswith(
        "Using adam instead of sgd (with lr 0.05 → 0.001) changes NMI with the truth by +0.100 on average"
    )
    assert "higher in 4 and lower in 0 of 4 pairs" in finding.text and "interval" not in finding.text
    assert finding.verdict == "" and not findings_about(analysis, "interactions")


MANY = """name: many
axes: {k: [2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100, 150], optimizer: [sgd, adam]}
seeds: [0, 1, 2]
settings: {dataset: mnist, epochs: 2}
"""


def test_twelve_values_are_one_sentence():
    analysis = analysis_of(MANY, effect=lambda spec: 0.001 * spec.k, noise=0.0005)
    (finding,) = findings_about(analysis, "k")
    assert finding.verdict == "matters"
    assert finding.text.startswith("AMI with the truth is highest at 150 (") and "lowest at 2 (" in finding.text
    assert "The highest, 150, differs from 11 of the 11 others. The verdict on 66 swaps: " in finding.text
    (same,) = findings_about(analysis_of(MANY), "k")
    assert same.verdict == "same" and "0 different, 66 the same within ±0.02, 0 undecided." in same.text


def test_values_that_are_several_are_quoted():
    text = SMALL.replace("  optimizer: [sgd, adam]\n", "") + "zip: [{optimizer: [sgd, adam], lr: [0.1, 0.01]}]\n"
    (finding,) = findings_about(analysis_of(text, effect=adam(0.1)), "optimizer + lr")
    assert (
        finding.text.startswith("Using “adam, 0.01” instead of “sgd, 0.1” raises")
        and finding.verdict == "“adam, 0.01” better"
    )


def test_what_depends_is_said_of_the_choice_where_the_condition_is():
    def effect(spec):
        return 0.3 * (spec.optimizer == "adam" and spec.dataset == "mnist")

    (finding,) = findings_about(analysis_of(effect=effect), "optimizer by dataset")
    assert finding.text.startswith("Using adam instead of sgd changes NMI with the truth by +0.3")
    assert (
        " where dataset is mnist and by 0.00" in finding.text.replace("−", "").replace("+", "")
        and finding.verdict == "depends"
    )
    assert ", a difference of −0.3" in finding.text


def test_an_effect_that_is_smaller_elsewhere_does_not_read_as_a_larger_one():
    def effect(spec):
        return -(0.3 if spec.dataset == "mnist" else 0.1) * (spec.optimizer == "adam")

    (finding,) = findings_about(analysis_of(effect=effect), "optimizer by dataset")
    assert (
        "by −0.3" in finding.text
        and "where dataset is mnist and by −0.1" in finding.text
        and "difference of +0.2" in finding.text
    )


def test_no_interaction_found_is_said_with_what_cannot_be_told():
    analysis = analysis_of()
    lines = analysis.interactions.query("metric == 'nmi_true'").index
    texts = []
    for same in range(0, 4):
        analysis.interactions.loc[lines, "verdict"] = ["same"] * same + ["cannot tell"] * (3 - same)
        (finding,) = findings_about(analysis, "interactions")
        assert finding.verdict == "none found" and finding.text.startswith("No two swaps were found to interact: ")
        texts.append(finding.text.partition(": ")[2])
    assert texts[0] == "whether they do cannot be told for any of 3 pairs."
    assert texts[1] == "1 of 3 pairs do not, within ±0.02; for the others it cannot be told."
    assert texts[3] == "all 3 pairs do not, within ±0.02."


def test_only_the_largest_interactions_are_told_one_by_one():
    analysis = analysis_of(SMALL.replace("  backend", "  arch: [alexnet, vgg16]\n  backend"))
    analysis.interactions["verdict"] = "higher"
    sizes = analysis.interactions.query("metric == 'nmi_true'")["mean"].abs().sort_values(ascending=False)
    findings = [finding for finding in find_choice_effects(analysis) if finding.verdict == "depends"]
    assert len(sizes) == 6 and len(findings) == 3 and f"{sizes.iloc[0]:.3f} (95" in findings[0].text
    assert findings_about(analysis, "interactions")[0].text == "The table has 3 more pairs of swaps that interact."


def test_an_axis_without_a_pair_says_so():
    half = {"pending": [place for place in range(24) if place // 6 % 2]}
    analysis = analysis_of(**half)
    assert set(analysis.finals["optimizer"]) == {"sgd"}
    (finding,) = findings_about(analysis, "optimizer")
    assert finding.verdict == "no pairs" and finding.evidence == "coverage"


def test_what_was_left_out_is_counted():
    (finding,) = findings_about(analysis_of(failed=[0]), "backend")
    assert "3 cells × 3 seeds, 9 of 12 planned pairs)" in finding.text


def test_planned_seeds_that_cannot_be_matched_yet_are_no_reason_to_plan_more():
    late = [place for place in range(24) if place % 3 == 2]
    (finding,) = [
        finding for finding in find_choice_effects(analysis_of(pending=late)) if finding.verdict == "no verdicts"
    ]
    assert finding.text == (
        "Only 2 of the 3 planned seeds can be matched so far, so there are only point estimates, without intervals and "
        "verdicts."
    )
    (finding,) = [
        finding
        for finding in find_choice_effects(analysis_of(SMALL.replace(", 1, 2", "")))
        if finding.verdict == "no verdicts"
    ]
    assert finding.text.startswith("With 1 seed ") and "Give the matrix at least 3 seeds." in finding.text


def test_pairs_that_are_equal_are_neither_higher_nor_lower():
    analysis = analysis_of(SMALL.replace(", 1, 2", ""), noise=0.0)
    (finding,) = findings_about(analysis, "backend")
    assert "higher in 0, lower in 0 and equal in 4 of 4 pairs" in finding.text
    line = analysis.effects.query("axis == 'backend' and metric == 'nmi_true'").iloc[0]
    assert (line["improved"], line["tied"]) == (0.0, 1.0)


def test_pairs_that_lack_the_metric_alone_are_not_said_not_to_be_there():
    found = make_results(SMALL)
    half = found.rows["nmi_true"].where(found.rows["optimizer"] == "sgd")
    (finding,) = findings_about(analyse(replace(found, rows=found.rows.assign(nmi_true=half)), SPOKEN_OF), "optimizer")
    assert finding.text == (
        "No two runs that differ in this choice alone both have NMI with the truth. The tables below show the other "
        "metrics."
    )


def test_an_axis_whose_values_share_no_seed_says_so():
    apart = [0, 1, 5]  # sgd has seed 2 alone, adam 0 and 1
    analysis = analysis_of(
        "name: m\naxes: {optimizer: [sgd, adam]}\nseeds: [0, 1, 2]\nsettings: {epochs: 2}\n", pending=apart
    )
    (finding,) = findings_about(analysis, "optimizer")
    assert analysis.levels.empty and finding.verdict == "no pairs"


def test_the_time_is_told_also_of_values_that_are_none():
    (finding,) = findings_about(analysis_of(SMALL.replace("optimizer: [sgd, adam]", "limit: [null, 500]")), "limit")
    assert "The time of the run changes by ×" in finding.text


def test_of_many_values_those_without_seeds_or_runs_are_told():
    text = "name: m\naxes: {pca_dim: [8, 9, 10, 11]}\nseeds: [0, 1, 2]\nsettings: {epochs: 2}\n"
    (finding,) = findings_about(analysis_of(text, pending=[7, 8, 10, 11]), "pca_dim")
    assert finding.verdict == "cannot tell" and "5 with fewer than 3 seeds." in finding.text
    (finding,) = findings_about(analysis_of(text, pending=range(6, 12)), "pca_dim")
    assert "2 of 4 values have matched runs." in finding.text and finding.verdict != "same"


def test_a_dataset_that_moves_with_another_field_is_no_choice_either():
    moved = "zip: [{dataset: [mnist, cifar10, kmnist], limit: [500, 600, 700]}]"
    text = f"name: m\n{moved}\nseeds: [0, 1, 2]\nsettings: {{epochs: 2}}\n"
    analysis = analysis_of(text, effect=lambda spec: spec.limit / 1000)
    assert not {"better", "worse"} & set(analysis.effects.query("metric == 'nmi_true'")["verdict"])
    assert {"higher", "lower"} & set(analysis.effects["verdict"]) and analysis.rankings == []


def test_effects_are_means_over_all_conditions_only_where_they_are():
    (whole,), (part,) = (
        findings_about(analysis_of(), "dataset"),
        findings_about(analysis_of(failed=range(18, 24)), "dataset"),
    )
    assert whole.text.endswith("All effects are means over all of these values.") and "effects" not in part.text


def test_without_the_quality_nothing_is_said():
    found = make_results(SMALL)
    found.rows["nmi_true"] = float("nan")
    assert list(find_choice_effects(analyse(found))) == []
