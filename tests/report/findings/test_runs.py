"""Sentences about the runs, from results with known values."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dcbench.analysis.summary import OUTCOMES, analyse
from dcbench.audit.axes import Audit, AxisVerdict
from dcbench.audit.run_checks import CheckFailure
from dcbench.core.columns import GAIN, RULERS
from dcbench.report.findings.questions import list_findings
from dcbench.report.findings.runs import find_cost, find_unfinished
from tests.helpers.analyses import make_results
from tests.helpers.learning import TEXT, pixels

METRICS_USED = [metric for metric in OUTCOMES if metric.name in ("nmi_true", "ami_true", GAIN)]
NO_AUDIT = Audit(name="m", runs=0, axes=[], failures=[])


def make_analysis(text=TEXT, change=None, **unfinished):
    results = make_results(text, **unfinished)
    return analyse(change(results) if change else results, METRICS_USED)


def find_learning(analysis):
    return [finding for finding in list_findings(analysis, NO_AUDIT) if finding.kind == "learned"]


def texts(sentences):
    return [finding.text for finding in sentences]


# --- learned --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["healthy", "degenerate", "collapsed"])
def test_the_health_at_the_end_is_counted(state):
    def change(results):
        return replace(results, rows=results.rows.assign(health=state))

    *_, health = find_learning(make_analysis(change=change))
    assert health.text == f"At the end, 8 runs are {state}, by a rule that never looks at the labels."
    assert health.verdict == ("" if state == "healthy" else "none healthy")


# --- failed ---------------------------------------------------------------------------------


def test_a_finding_for_a_complete_matrix():
    (finding,) = find_unfinished(make_analysis())
    assert (finding.text, finding.verdict, finding.evidence) == ("All 8 planned runs are done.", "none", "coverage")


def test_failures_are_counted_by_kind_and_reason_most_frequent_first():
    def change(results):
        runs = results.runs.copy()
        runs.loc[[0, 1, 2], "kind"] = ["nan", "out_of_memory", "out_of_memory"]
        runs.loc[0, "reason"], runs.loc[[1, 2], "reason"] = "the loss\nbecame nan", "x" * 500
        runs.loc[3, "reason"] = ""
        return replace(results, runs=runs)

    failed, pending = find_unfinished(make_analysis(change=change, failed=[0, 1, 2], pending=[3]))
    start = f"3 of 8 planned runs failed: 2 out of memory ({'x' * 159}…); 1 nan (the loss became nan)."
    assert (failed.text, failed.verdict, failed.tone, failed.evidence) == (start, "3 failed", "bad", "unfinished")
    assert (pending.text, pending.verdict, pending.tone) == ("1 of 8 planned runs is pending.", "1 pending", "open")


def test_many_reasons_are_shortened_and_counted():
    def change(results):
        return replace(results, runs=results.runs.assign(reason=[f"reason {index}" for index in range(8)]))

    (finding,) = find_unfinished(make_analysis(change=change, failed=range(8)))
    assert finding.text.endswith("; 1 reason 3; and 4 more reasons.")


def test_failed_baselines_are_counted():
    baselines = pd.DataFrame([pixels(state="failed", kind="error", reason="no data")])
    (finding,) = find_unfinished(make_analysis(change=lambda results: replace(results, baselines=baselines)))
    assert finding.text == "1 of 9 planned runs failed: 1 error (no data)."


# --- cost -----------------------------------------------------------------------------------


def test_the_cost_has_a_total_a_median_run_and_the_share_of_baselines():
    baselines = pd.DataFrame([pixels(seconds=100.0)])

    def change(results):
        return replace(results, runs=results.runs.assign(seconds=[10.0] * 7 + [80.0]), baselines=baselines)

    first, stages = find_cost(make_analysis(change=change))
    assert first.text == (
        "The times of 9 runs add up to 4 min 10 s, 1 min 40 s of it for baselines. "
        "The median run, without the baselines, took 10 s (10 s to 1 min 20 s)."
    )
    share = "17\N{NO-BREAK SPACE}%"
    assert (
        stages.text
        == f"Most of the time of the epochs went into features ({share}), pca ({share}) and whiten ({share})."
    )


def test_runs_that_shared_their_device_are_counted():
    def change(results):
        timings = (results.runs.index == 0, results.runs["state"] == "done")
        return replace(results, runs=results.runs.assign(timing=np.select(timings, ["shared", "exclusive"], "unknown")))

    *_, sharing = find_cost(make_analysis(change=change))
    assert sharing.text.startswith("7 runs had the device alone and 1 run shared the device with other runs. ")
    assert sharing.verdict == "read with care"


def test_without_times_there_is_no_finding_about_cost():
    assert (
        texts(
            find_cost(
                make_analysis(
                    pending=range(8), change=lambda results: replace(results, runs=results.runs.assign(seconds=None))
                )
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


def find_trust(analysis, audited=NO_AUDIT):
    return {finding.about: finding for finding in list_findings(analysis, audited) if finding.kind == "trust"}


def test_the_metric_and_the_number_of_seeds_are_stated():
    results = find_trust(make_analysis(SEEDS))
    assert (
        results["measure"].text
        == "Choices are judged by NMI with the truth (last row). A change within ±0.02, and within a tenth of the "
        "distance from chance to the best score on its dataset, counts as the same. The ruler "
        "is own: the run's own clustering, in the space that the run clusters in. Not all runs have the scores of the "
        "ruler pca_whitened, by which dcbench judges otherwise."
    )
    assert results["seeds"].text == "Each effect is a mean over 3 seeds and 2 matched cells of this matrix."
    assert "seeds" not in find_trust(make_analysis()), "two seeds are told of among the choices, once"


def test_ami_is_the_metric_when_k_varies_with_the_reason():
    text = "name: m\naxes: {k: [5, 6]}\nseeds: [0, 1, 2]\nsettings: {epochs: 1}\n"
    assert (
        "AMI with the truth (last row), since NMI and purity rise with k"
        in find_trust(make_analysis(text))["measure"].text
    )


def test_without_axes_only_the_ruler_is_stated_and_that_the_noise_floor_is_not_known():
    findings = find_trust(make_analysis("name: m\nseeds: [0, 1, 2]\nsettings: {epochs: 1}\n"))
    assert list(findings) == ["measure", "noise"]


def test_supervised_networks_below_the_others_are_called_no_ceiling():
    def change(results):
        return replace(results, baselines=pd.DataFrame([pixels(method="supervised", test_refit_nmi_true=0.1)]))

    finding = find_trust(make_analysis(change=change))["supervised"]
    assert finding.text == (
        "By NMI with the truth, test, refit, supervised networks score 0.100 on mnist, where "
        "the best cell or the untrained networks score 0.539, so they are no upper bound here."
    )


def test_runs_without_the_metric_are_counted():
    def change(results):
        return replace(
            results, rows=results.rows.assign(nmi_true=results.rows["nmi_true"].where(results.rows["seed"] > 0))
        )

    finding = find_trust(make_analysis(SEEDS, change=change))["missing"]
    assert (
        finding.text == "4 of 12 finished runs have no NMI with the truth, so the effects on it leave them out."
        and finding.tone == "bad"
    )


def test_swaps_with_too_few_seeds_are_counted():
    text = SEEDS.replace("[sgd, adam]", "[sgd, adam], k: [5, 6, 7, 8]")
    results = find_trust(make_analysis(text, failed=range(11, 48, 12)))
    assert "For 3 of 8 swaps there are fewer than 3 seeds, and so only point estimates." in results["seeds"].text, (
        "k = 8 lacks seed 2"
    )


def test_findings_of_a_passed_audit():
    results = find_trust(make_analysis(SEEDS), Audit(name="m", runs=12, axes=[axis("k"), axis("lr")], failures=[]))
    assert (
        results["axes"].text == "Every axis acts. Two runs that differ in one axis share at least weights for k and lr."
    )
    assert results["checks"].text == "All audit checks of all 12 finished runs passed."


def test_findings_of_a_failed_audit():
    audited = Audit(
        name="m",
        runs=3,
        axes=[axis("k"), axis("lr", witness=0), axis("arch", common=1)],
        failures=[CheckFailure(run="a", check="frozen", message="moved")],
    )
    results = find_trust(make_analysis(SEEDS, change=lambda results: replace(results, notes=["torn"])), audited)
    assert results["axes"].text == "Not every axis acts. lr: does nothing between 1 and 2; arch: confounded by weights."
    assert results["checks"].text == "1 audit check of the runs failed." and results["files"].evidence == "notes"


def test_settled_runs_are_counted_even_if_there_are_none():
    def settle(epoch):
        return lambda results: replace(
            results, rows=results.rows.assign(nmi_previous=np.where(results.rows["epoch"] >= epoch, 0.95, 0.5))
        )

    text = TEXT.replace("epochs: 2", "epochs: 5")
    (none,) = [finding for finding in find_learning(make_analysis(text, settle(9))) if finding.about == "stability"]
    (all_,) = [finding for finding in find_learning(make_analysis(text, settle(3))) if finding.about == "stability"]
    assert none.text == "NMI epoch to epoch reaches 0.9 and stays there to the end in 0 of 8 runs."
    assert all_.text.endswith("in 8 of 8 runs. Half of all runs have reached it by epoch 3 (Kaplan-Meier estimate).")


def test_without_finished_pairs_the_effect_of_an_axis_is_unknown():
    none = axis("dataset", pairs=0, witness=0, outcome=0, common=0)
    finding = find_trust(make_analysis(), Audit(name="m", runs=0, axes=[none], failures=[]))["axes"]
    assert (finding.verdict, finding.tone, finding.text) == (
        "not known",
        "open",
        "For lack of matched pairs it is not known whether these axes act: dataset.",
    )


OPTIMIZERS = """name: m
axes: {dataset: [mnist, cifar10], optimizer: [sgd, adam]}
seeds: [0, 1, 2]
settings: {epochs: 2}
"""


def judged_by_every_ruler(change):
    """Return an analysis of three seeds in which each ruler scores adam by `change(ruler)` above sgd."""
    results = make_results(OPTIMIZERS)
    rng = np.random.default_rng(0)
    rows = results.rows
    for name, ruler in RULERS.items():
        noise = 0.001 * rng.normal(size=len(rows))
        rows[ruler.column] = 0.5 + change(name) * (rows["optimizer"] == "adam") + 0.1 * (rows["epoch"] > 0) + noise
    return analyse(results)


def test_rulers_that_agree_are_counted():
    finding = find_trust(judged_by_every_ruler(lambda ruler: 0.2))["ruler"]
    assert (finding.verdict, finding.tone) == ("agree", "same")
    assert "All 7 rulers that scored all runs lead to the same verdict on the only swap." in finding.text


def test_rulers_that_disagree_are_named():
    finding = find_trust(judged_by_every_ruler(lambda ruler: -0.2 if ruler in ("own", "knn") else 0.2))["ruler"]
    assert (finding.verdict, finding.tone) == ("depends", "open")
    words = "adam instead of sgd (optimizer) is worse by own and knn, better by refit, l2, pca, pca_whitened and probe"
    assert words in finding.text


def test_the_noise_floor_of_each_dataset_is_stated_with_its_source():
    text = "name: m\naxes: {dataset: [mnist], input_channels: [3, 1]}\nseeds: [0, 1, 2]\nsettings: {epochs: 1}\n"
    analysis = make_analysis(text)
    scores = analysis.finals.pivot_table(index="seed", columns="input_channels", values="nmi_true")
    rms = np.sqrt(((scores[1] - scores[3]) ** 2).mean())
    finding = find_trust(analysis)["noise on mnist"]
    assert finding.text == (
        f"Two runs of the same experiment on mnist differ by less than {3.182 * rms:.3f} in NMI with the truth 95 "
        "times out of 100 (3 pairs with 1 and with 3 input channels, which is the same for images of one channel; root "
        f"mean square {rms:.3f}). So a smaller difference between two single runs can be chance alone; a mean over "
        "several seeds can show less."
    )
    assert finding.verdict == f"up to {3.182 * rms:.2g}" and "noise" not in find_trust(analysis)


def test_where_the_noise_floor_is_not_known_the_page_says_once_how_to_get_it():
    text = "name: m\naxes: {dataset: [digits, cifar10], k: [5, 10]}\nseeds: [0, 1, 2]\nsettings: {epochs: 1}\n"
    finding = find_trust(make_analysis(text))["noise"]
    assert (finding.verdict, finding.tone) == ("not known", "open")
    assert finding.text == (
        "How far two runs of the same experiment on digits, cifar10 differ by chance is not known. With repeats: 2 in "
        "the matrix, each cell and seed runs twice with other random numbers, which tells."
    )
    repeated = find_trust(make_analysis(text + "repeats: 2\n"))
    assert "noise" not in repeated and "(12 pairs that differ only in their" not in repeated["noise on digits"].text
    assert "(6 pairs that differ only in their random numbers; root mean" in repeated["noise on digits"].text
    assert "noise" not in find_trust(make_analysis(text.replace("epochs: 1", "epochs: 0"))), "there is no training"


def test_a_page_of_untrained_networks_does_not_miss_the_ruler_that_judges():
    analysis = judged_by_every_ruler(lambda ruler: 0.2)
    untrained = analyse(replace(analysis.results, rows=analysis.results.rows.query("epoch == 0")))
    findings = find_trust(untrained)
    assert "Not all runs have" not in findings["measure"].text and findings["ruler"].verdict == "agree"
    first, *_ = find_learning(untrained)
    assert first.verdict == "nothing trained"


def test_rulers_that_all_cannot_tell_do_not_confirm_each_other():
    assert find_trust(judged_by_every_ruler(lambda ruler: 0.0))["ruler"].tone in ("same", "plain")
