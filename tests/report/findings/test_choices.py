"""Sentences about the axes, from results whose truth is known."""

from dataclasses import replace

import pytest

from dcbench.analysis.summary import analyse
from dcbench.report.findings.choices import what_choices_did
from tests.helpers.analyses import made
from tests.helpers.findings import SMALL, SPOKEN_OF


def told(text=SMALL, effect=lambda spec: 0.0, noise=0.004, seconds=None, **unfinished):
    """The Analysis of a matrix whose scores are an effect, the seeds' own and noise."""

    def score(spec, rng):
        return 0.4 + effect(spec) + 0.05 * spec.seed + noise * rng.normal()

    took = seconds or (lambda spec, rng: 10.0 + 0.1 * rng.normal())
    return analyse(made(text, score=score, seconds=took, **unfinished), SPOKEN_OF)


def about(analysis, axis):
    return [one for one in what_choices_did(analysis) if one.about == axis]


def adam(size):
    return lambda spec: size * (spec.optimizer == "adam")


@pytest.mark.parametrize(
    ("size", "verdict", "tone", "words"),
    [
        (0.1, "adam better", "told", "raises NMI with the truth by 0."),
        (-0.1, "sgd better", "told", "lowers NMI with the truth by 0."),
        (0.0, "same", "same", "leaves NMI with the truth the same within ±0.02: "),
    ],
)
def test_a_choice_of_two_says_which_is_better_by_how_much_and_with_what(size, verdict, tone, words):
    (one,) = about(told(effect=adam(size)), "optimizer")
    assert (one.kind, one.verdict, one.tone, one.evidence) == ("choice", verdict, tone, "effects")
    assert one.text.startswith(f"adam instead of sgd (with lr 0.05 → 0.001) {words}")
    level = 90 if verdict == "same" else 95  # what two one-sided tests at 5 % stand on
    assert f"{level}\N{NO-BREAK SPACE}% interval" in one.text and "4 cells × 3 seeds)" in one.text
    assert "Time of the run ×1.00 (×" in one.text and "as fast)." in one.text


def test_what_cannot_be_told_is_said_not_to_be():
    (one,) = about(told(effect=adam(0.03), noise=0.08), "optimizer")
    assert one.verdict == "cannot tell" and "may or may not change NMI with the truth: " in one.text


def test_an_interval_off_zero_that_the_correction_takes_back_says_so():
    analysis = told(effect=adam(0.1))
    lines = analysis.effects
    lines.loc[lines["axis"] == "optimizer", ["verdict", "p", "p_holm"]] = ["cannot tell", 0.03, 0.09]
    (one,) = about(analysis, "optimizer")
    assert "not told apart among all swaps (p = 0.09 by Holm)" in one.text


def test_libraries_have_quality_and_time_side_by_side():
    faster = told(seconds=lambda spec, rng: (2.0 if spec.kmeans_backend == "sklearn" else 10.0) + 0.01 * rng.normal())
    (one,) = about(faster, "backend")
    assert (one.kind, one.verdict, one.evidence) == ("backend", "interchangeable", "backends")
    assert "leaves NMI with the truth the same" in one.text
    assert "Time of clustering ×0.20 (×0.20 to ×0.20, faster); time of the run ×0.20" in one.text


def test_libraries_that_are_told_apart_are_not_interchangeable():
    (one,) = about(told(effect=lambda spec: 0.1 * (spec.kmeans_backend == "sklearn")), "backend")
    assert one.verdict == "not interchangeable"


def test_no_dataset_is_ever_better():
    analysis = told(effect=lambda spec: -0.3 * (spec.dataset == "cifar10"))
    (one,) = about(analysis, "dataset")
    assert one.verdict == "condition" and "on mnist and" in one.text
    assert not any("mnist better" in sentence.verdict for sentence in what_choices_did(analysis))
    joined = (
        SMALL.replace("  dataset: [mnist, cifar10]\n", "") + "zip: [{dataset: [mnist, cifar10], limit: [500, 600]}]\n"
    )
    assert about(told(joined), "dataset + limit")[0].verdict == "condition"


def test_one_seed_is_said_once_with_points():
    analysis = told(SMALL.replace("[0, 1, 2]", "[0]"), effect=adam(0.1), noise=0)
    every = list(what_choices_did(analysis))
    assert [one.verdict for one in every].count("no verdicts") == 1 and every[0].text.startswith("1 seed: points only")
    (one,) = about(analysis, "optimizer")
    assert one.text.startswith(
        "adam instead of sgd (with lr 0.05 → 0.001) moves NMI with the truth by +0.100 in the mean"
    )
    assert "higher in 4 and lower in 0 of 4 pairs" in one.text and "interval" not in one.text
    assert one.verdict == "" and not about(analysis, "interactions")


MANY = """name: many
axes: {k: [2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100, 150], optimizer: [sgd, adam]}
seeds: [0, 1, 2]
settings: {dataset: mnist, epochs: 2}
"""


def test_twelve_values_are_one_sentence():
    analysis = told(MANY, effect=lambda spec: 0.001 * spec.k, noise=0.0005)
    (one,) = about(analysis, "k")
    assert one.verdict == "matters"
    assert one.text.startswith("AMI with the truth is highest at 150 (") and "lowest at 2 (" in one.text
    assert "150 is told apart from 11 of the 11 others. Of 66 swaps, " in one.text
    (same,) = about(told(MANY), "k")
    assert same.verdict == "same" and "0 told apart, 66 the same within ±0.02 and 0 cannot be told." in same.text


def test_values_that_are_several_are_quoted():
    text = SMALL.replace("  optimizer: [sgd, adam]\n", "") + "zip: [{optimizer: [sgd, adam], lr: [0.1, 0.01]}]\n"
    (one,) = about(told(text, effect=adam(0.1)), "optimizer + lr")
    assert one.text.startswith("“adam, 0.01” instead of “sgd, 0.1” raises") and one.verdict == "“adam, 0.01” better"


def test_what_depends_is_said_of_the_choice_where_the_condition_is():
    def effect(spec):
        return 0.3 * (spec.optimizer == "adam" and spec.dataset == "mnist")

    (one,) = about(told(effect=effect), "optimizer by dataset")
    assert one.text.startswith("adam instead of sgd moves NMI with the truth by +0.3")
    assert " with dataset mnist and 0.00" in one.text.replace("−", "").replace("+", "") and one.verdict == "depends"
    assert ": a difference of −0.3" in one.text


def test_an_effect_that_is_smaller_elsewhere_does_not_read_as_a_larger_one():
    def effect(spec):
        return -(0.3 if spec.dataset == "mnist" else 0.1) * (spec.optimizer == "adam")

    (one,) = about(told(effect=effect), "optimizer by dataset")
    assert "by −0.3" in one.text and "with dataset mnist and −0.1" in one.text and "difference of +0.2" in one.text


def test_no_interaction_found_is_said_with_what_cannot_be_told():
    analysis = told()
    lines = analysis.interactions.query("metric == 'nmi_true'").index
    texts = []
    for same in range(0, 4):
        analysis.interactions.loc[lines, "verdict"] = ["same"] * same + ["cannot tell"] * (3 - same)
        (one,) = about(analysis, "interactions")
        assert one.verdict == "none found" and one.text.startswith("No two swaps are found to act on each other: ")
        texts.append(one.text.partition(": ")[2])
    assert texts[0] == "whether they do cannot be told for any of 3 pairs."
    assert texts[1] == "1 of 3 pairs do not, within ±0.02; for the others it cannot be told."
    assert texts[3] == "3 pairs looked at, within ±0.02."


def test_only_the_largest_interactions_are_told_one_by_one():
    analysis = told(SMALL.replace("  backend", "  arch: [alexnet, vgg16]\n  backend"))
    analysis.interactions["verdict"] = "higher"
    sizes = analysis.interactions.query("metric == 'nmi_true'")["mean"].abs().sort_values(ascending=False)
    every = [one for one in what_choices_did(analysis) if one.verdict == "depends"]
    assert len(sizes) == 6 and len(every) == 3 and f"{sizes.iloc[0]:.3f} (95" in every[0].text
    assert about(analysis, "interactions")[0].text == "3 more pairs of swaps act on each other, which the table has."


def test_an_axis_without_a_pair_says_so():
    half = {"pending": [place for place in range(24) if place // 6 % 2]}
    analysis = told(**half)
    assert set(analysis.finals["optimizer"]) == {"sgd"}
    (one,) = about(analysis, "optimizer")
    assert one.verdict == "no pairs" and one.evidence == "coverage"


def test_what_was_left_out_is_counted():
    (one,) = about(told(failed=[0]), "backend")
    assert "3 cells × 3 seeds, 9 of 12 planned pairs)" in one.text


def test_planned_seeds_that_cannot_be_matched_yet_are_no_reason_to_plan_more():
    late = [place for place in range(24) if place % 3 == 2]
    (one,) = [one for one in what_choices_did(told(pending=late)) if one.verdict == "no verdicts"]
    assert one.text == "Of 3 planned seeds, 2 can be matched so far: points only, no interval and no verdict."
    (one,) = [one for one in what_choices_did(told(SMALL.replace(", 1, 2", ""))) if one.verdict == "no verdicts"]
    assert one.text.startswith("1 seed: ") and "Give the matrix 3 seeds or more." in one.text


def test_pairs_that_are_equal_are_neither_higher_nor_lower():
    analysis = told(SMALL.replace(", 1, 2", ""), noise=0.0)
    (one,) = about(analysis, "backend")
    assert "higher in 0, lower in 0 and equal in 4 of 4 pairs" in one.text
    line = analysis.effects.query("axis == 'backend' and metric == 'nmi_true'").iloc[0]
    assert (line["improved"], line["tied"]) == (0.0, 1.0)


def test_pairs_that_lack_the_metric_alone_are_not_said_not_to_be_there():
    found = made(SMALL)
    half = found.rows["nmi_true"].where(found.rows["optimizer"] == "sgd")
    (one,) = about(analyse(replace(found, rows=found.rows.assign(nmi_true=half)), SPOKEN_OF), "optimizer")
    assert one.text == "no two runs that differ in it alone both have NMI with the truth; other metrics stand below."


def test_an_axis_whose_values_share_no_seed_says_so():
    apart = [0, 1, 5]  # sgd has seed 2 alone, adam 0 and 1
    analysis = told("name: m\naxes: {optimizer: [sgd, adam]}\nseeds: [0, 1, 2]\nsettings: {epochs: 2}\n", pending=apart)
    (one,) = about(analysis, "optimizer")
    assert analysis.levels.empty and one.verdict == "no pairs"


def test_the_time_is_told_also_of_values_that_are_none():
    (one,) = about(told(SMALL.replace("optimizer: [sgd, adam]", "limit: [null, 500]")), "limit")
    assert "Time of the run ×" in one.text


def test_of_many_values_those_without_seeds_or_runs_are_told():
    text = "name: m\naxes: {pca_dim: [8, 9, 10, 11]}\nseeds: [0, 1, 2]\nsettings: {epochs: 2}\n"
    (one,) = about(told(text, pending=[7, 8, 10, 11]), "pca_dim")
    assert one.verdict == "cannot tell" and "5 with fewer than 3 seeds." in one.text
    (one,) = about(told(text, pending=range(6, 12)), "pca_dim")
    assert "2 of 4 values have no matched run." in one.text and one.verdict != "same"


def test_a_dataset_that_moves_with_another_field_is_no_choice_either():
    moved = "zip: [{dataset: [mnist, cifar10, kmnist], limit: [500, 600, 700]}]"
    text = f"name: m\n{moved}\nseeds: [0, 1, 2]\nsettings: {{epochs: 2}}\n"
    analysis = told(text, effect=lambda spec: spec.limit / 1000)
    assert not {"better", "worse"} & set(analysis.effects.query("metric == 'nmi_true'")["verdict"])
    assert {"higher", "lower"} & set(analysis.effects["verdict"]) and analysis.rankings == []


def test_effects_are_means_over_all_conditions_only_where_they_are():
    (whole,), (part,) = about(told(), "dataset"), about(told(failed=range(18, 24)), "dataset")
    assert whole.text.endswith("Effects are means over all of them.") and "Effects" not in part.text


def test_without_the_quality_nothing_is_said():
    found = made(SMALL)
    found.rows["nmi_true"] = float("nan")
    assert list(what_choices_did(analyse(found))) == []
