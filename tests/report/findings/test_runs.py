"""Sentences about the runs, from results whose truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dcbench.analysis.summary import OUTCOMES, analyse
from dcbench.audit.axes import Audit, AxisVerdict
from dcbench.audit.run_checks import CheckFailure
from dcbench.core.columns import GAIN
from dcbench.report.findings.questions import list_findings
from dcbench.report.findings.runs import find_cost, find_unfinished
from tests.helpers.analyses import make_results
from tests.helpers.learning import TEXT, pixels

OUTCOMES_USED = [one for one in OUTCOMES if one.name in ("nmi_true", "ami_true", GAIN)]
NOTHING = Audit(name="m", runs=0, axes=[], failures=[])


def analysis_of(text=TEXT, change=None, **unfinished):
    found = make_results(text, **unfinished)
    return analyse(change(found) if change else found, OUTCOMES_USED)


def learning(analysis):
    return [one for one in list_findings(analysis, NOTHING) if one.kind == "learned"]


def texts(sentences):
    return [one.text for one in sentences]


# --- learned --------------------------------------------------------------------------------


def test_how_many_learned_by_dataset_and_by_which_tests():
    lines = pd.DataFrame([pixels(test_refit_nmi_true=0.9), pixels(dataset="cifar10", test_refit_nmi_true=0.01)])
    first, gain, over, _, health = learning(analysis_of(change=lambda found: replace(found, baselines=lines)))
    assert (first.verdict, first.tone, first.evidence) == ("some", "difference", "levels")
    assert first.text == (
        "4 of 8 finished runs learned something (0 of 4 on mnist and 4 of 4 on cifar10): healthy at the end, more than "
        "0.02 above their own untrained network and better than k-means on pixels."
    )
    assert (
        "ends more than 0.02 above the untrained network of the same run in 8 of 8 runs, and more than 0.02 below it "
        "in 0" in gain.text
    )
    assert (
        "0 of 4 on mnist (pixels 0.900) and 4 of 4 on cifar10 (pixels 0.010) beat the best k-means on pixels."
        in over.text
    )
    assert health.text == "At the end, 8 runs are healthy, by a rule that never looks at the labels."


@pytest.mark.parametrize(
    ("state", "verdict", "tone"),
    [("collapsed", "none", "bad"), ("healthy", "all", "same"), ("degenerate", "none", "bad")],
)
def test_all_and_none_are_words(state, verdict, tone):
    def change(found):
        return replace(found, rows=found.rows.assign(health=state))

    first, *_, health = learning(analysis_of(change=change))
    assert (first.verdict, first.tone) == (verdict, tone) and f"8 runs are {state}" in health.text
    assert health.verdict == ("" if state == "healthy" else "none healthy")


def test_nothing_finished_is_one_sentence():
    (one,) = learning(analysis_of(pending=range(8)))
    assert one.verdict == "nothing yet" and one.evidence == "coverage"


# --- failed ---------------------------------------------------------------------------------


def test_all_done_is_said():
    (one,) = find_unfinished(analysis_of())
    assert (one.text, one.verdict, one.evidence) == ("All 8 planned runs are done.", "none", "coverage")


def test_failures_are_counted_by_kind_and_reason_the_most_frequent_first():
    def change(found):
        runs = found.runs.copy()
        runs.loc[[0, 1, 2], "kind"] = ["nan", "out_of_memory", "out_of_memory"]
        runs.loc[0, "reason"], runs.loc[[1, 2], "reason"] = "the loss\nbecame nan", "x" * 500
        runs.loc[3, "reason"] = ""
        return replace(found, runs=runs)

    failed, pending = find_unfinished(analysis_of(change=change, failed=[0, 1, 2], pending=[3]))
    start = f"3 of 8 planned runs failed: 2 out of memory ({'x' * 159}…); 1 nan (the loss became nan)."
    assert (failed.text, failed.verdict, failed.tone, failed.evidence) == (start, "3 failed", "bad", "unfinished")
    assert (pending.text, pending.verdict, pending.tone) == ("1 of 8 planned runs is pending.", "1 pending", "open")


def test_many_reasons_are_cut_and_counted():
    def change(found):
        return replace(found, runs=found.runs.assign(reason=[f"reason {place}" for place in range(8)]))

    (one,) = find_unfinished(analysis_of(change=change, failed=range(8)))
    assert one.text.endswith("; 1 reason 3; and 4 more reasons.")


def test_failed_baselines_count():
    lines = pd.DataFrame([pixels(state="failed", kind="error", reason="no data")])
    (one,) = find_unfinished(analysis_of(change=lambda found: replace(found, baselines=lines)))
    assert one.text == "1 of 9 planned runs failed: 1 error (no data)."


# --- cost -----------------------------------------------------------------------------------


def test_cost_in_all_and_per_run_with_baselines_apart():
    lines = pd.DataFrame([pixels(seconds=100.0)])

    def change(found):
        return replace(found, runs=found.runs.assign(seconds=[10.0] * 7 + [80.0]), baselines=lines)

    first, stages = find_cost(analysis_of(change=change))
    assert first.text == (
        "The times of 9 runs add up to 4 min 10 s, 1 min 40 s of it for baselines. "
        "The median run, without the baselines, took 10 s (10 s to 1 min 20 s)."
    )
    share = "17\N{NO-BREAK SPACE}%"
    assert (
        stages.text
        == f"Most of the time of the epochs went into features ({share}), pca ({share}) and whiten ({share})."
    )


def test_company_is_told_unless_every_run_was_alone():
    def change(found):
        runs = found.rows["run_id"].unique()
        return replace(
            found,
            rows=found.rows.assign(timing=found.rows["run_id"].eq(runs[0]).map({True: "shared", False: "exclusive"})),
        )

    *_, company = find_cost(analysis_of(change=change))
    assert company.text.startswith("7 runs had the device alone and 1 run shared the device with other runs. ")
    assert company.verdict == "read with care"


def test_no_seconds_cost_nothing():
    assert (
        texts(
            find_cost(
                analysis_of(pending=range(8), change=lambda found: replace(found, runs=found.runs.assign(seconds=None)))
            )
        )
        == []
    )


# --- trust ----------------------------------------------------------------------------------

SEEDS = TEXT.replace("[0, 1]", "[0, 1, 2]")


def axis(name, pairs=2, witness=2, outcome=2, common=2):
    blamed, idle = () if common == pairs else ("weights",), () if witness else ("1 and 2",)
    return AxisVerdict(
        name=name, pairs=pairs, acted=witness, outcome=outcome, common=common, must_share=("weights",), follows=(),
        confounders=blamed, idle_values=idle,
    )  # fmt: skip


def reliability(analysis, audited=NOTHING):
    return {one.about: one for one in list_findings(analysis, audited) if one.kind == "trust"}


def test_measure_and_seeds():
    found = reliability(analysis_of(SEEDS))
    assert (
        found["measure"].text
        == "Choices are judged by NMI with the truth (last row). A change within ±0.02 counts as the same."
    )
    assert found["seeds"].text == "Each effect is a mean over 3 seeds and 2 matched cells of this matrix."
    assert "seeds" not in reliability(analysis_of()), "two seeds are told of among the choices, once"


def test_against_k_the_measure_is_ami_and_why():
    text = "name: m\naxes: {k: [5, 6]}\nseeds: [0, 1, 2]\nsettings: {epochs: 1}\n"
    assert (
        "AMI with the truth (last row), since NMI and purity rise with k"
        in reliability(analysis_of(text))["measure"].text
    )


def test_without_axes_there_is_nothing_to_judge():
    assert reliability(analysis_of("name: m\nseeds: [0, 1, 2]\nsettings: {epochs: 1}\n")) == {}


def test_runs_without_the_metric_are_counted():
    def change(found):
        return replace(found, rows=found.rows.assign(nmi_true=found.rows["nmi_true"].where(found.rows["seed"] > 0)))

    one = reliability(analysis_of(SEEDS, change=change))["missing"]
    assert (
        one.text == "4 of 12 finished runs have no NMI with the truth, so the effects on it leave them out."
        and one.tone == "bad"
    )


def test_swaps_with_too_few_seeds_are_counted():
    text = SEEDS.replace("[sgd, adam]", "[sgd, adam], k: [5, 6, 7, 8]")
    found = reliability(analysis_of(text, failed=range(11, 48, 12)))
    assert "For 3 of 8 swaps there are fewer than 3 seeds, and so only point estimates." in found["seeds"].text, (
        "k = 8 lacks seed 2"
    )


def test_an_audit_with_nothing_wrong():
    found = reliability(analysis_of(SEEDS), Audit(name="m", runs=12, axes=[axis("k"), axis("lr")], failures=[]))
    assert found["axes"].text == "Every axis acts, with common random numbers: k and lr."
    assert found["checks"].text == "All audit checks of all 12 finished runs passed."


def test_what_is_wrong_is_named():
    audited = Audit(
        name="m",
        runs=3,
        axes=[axis("k"), axis("lr", witness=0), axis("arch", common=1)],
        failures=[CheckFailure(run="a", check="frozen", message="moved")],
    )
    found = reliability(analysis_of(SEEDS, change=lambda found: replace(found, notes=["torn"])), audited)
    assert found["axes"].text == "Not every axis acts. lr: does nothing between 1 and 2; arch: confounded by weights."
    assert found["checks"].text == "1 audit check of the runs failed." and found["files"].evidence == "notes"


def test_whether_assignments_settle_is_told_also_where_none_does():
    def settle(epoch):
        return lambda found: replace(
            found, rows=found.rows.assign(nmi_previous=np.where(found.rows["epoch"] >= epoch, 0.95, 0.5))
        )

    text = TEXT.replace("epochs: 2", "epochs: 5")
    (none,) = [one for one in learning(analysis_of(text, settle(9))) if one.about == "stability"]
    (all_,) = [one for one in learning(analysis_of(text, settle(3))) if one.about == "stability"]
    assert none.text == "NMI epoch to epoch reaches 0.9 and stays there to the end in 0 of 8 runs."
    assert all_.text.endswith("in 8 of 8 runs. Half of all runs have reached it by epoch 3 (Kaplan-Meier estimate).")


def test_before_any_pair_is_finished_it_is_not_said_that_an_axis_is_idle():
    none = axis("dataset", pairs=0, witness=0, outcome=0, common=0)
    one = reliability(analysis_of(), Audit(name="m", runs=0, axes=[none], failures=[]))["axes"]
    assert (one.verdict, one.tone, one.text) == (
        "not known",
        "open",
        "For lack of matched pairs it is not known whether these axes act: dataset.",
    )
