from dataclasses import replace

import pytest

from dcbench.analysis.results import read_results
from dcbench.analysis.statistics.finals import CurveRule
from dcbench.analysis.summary import OUTCOMES, analyse, set_margins
from dcbench.core.columns import METRICS
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import fill

TEXT = """name: m
axes: {backend: [faiss, sklearn], optimizer: [sgd, adam]}
zip: [{k: [5, 6], limit: [null, 500]}]
seeds: [0, 1, 2]
settings: {epochs: 2, pca_dim: 8}
"""


@pytest.fixture
def results(tmp_path):
    folder, plan = MatrixDir(tmp_path / "m"), plan_of(TEXT)
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec, nmi=0.3 + 0.2 * (spec.optimizer == "adam") + 0.01 * spec.seed)
    return read_results(folder)


def effect(analysis, axis, metric="nmi_true"):
    return analysis.effects.set_index(["axis", "metric"]).loc[axis, metric]


def test_effects_have_the_swaps_of_every_axis_and_the_fields_that_follow(results):
    analysis = analyse(results)
    assert list(analysis.axes) == ["backend", "optimizer", "k + limit"]
    optimizer = effect(analysis, "optimizer")
    assert optimizer["verdict"] == "better" and optimizer["mean"] == pytest.approx(0.2)
    assert optimizer["brings"] == "lr 0.05 \u2192 0.001"
    assert effect(analysis, "backend")[["verdict", "brings"]].tolist() == ["same", ""], "its stages are the axis itself"
    assert effect(analysis, "k + limit")[["before", "after"]].tolist() == ["5, none", "6, 500"]


def test_an_analysis_has_every_frame(results):
    analysis = analyse(results)
    assert len(analysis.finals) == len(analysis.stability) == 24 and analysis.stability["reached"].sum() == 0
    assert (
        set(analysis.levels["axis"]) == set(analysis.axes)
        and len(analysis.interactions) > 0
        and analysis.rankings == []
    )
    assert [outcome.name for outcome in analysis.outcomes] == [
        "nmi_true",
        "gain_nmi_true",
        "seconds",
        "seconds_clustering",
    ]


def test_margins_and_rules_of_the_user_are_applied_and_recorded(results):
    analysis = analyse(results, set_margins({"nmi_true": 0.3}), {"nmi_true": CurveRule(last=2)})
    assert effect(analysis, "optimizer")[["verdict", "margin"]].tolist() == ["same", 0.3]
    assert analysis.finals["nmi_true"].iloc[0] == pytest.approx(0.45)
    assert (
        analysis.describe_rule("nmi_true") == "mean of the last 2 rows"
        and analysis.describe_rule("ami_true") == "last row"
    )
    assert analysis.describe_rule("seconds") == "whole run"


def test_the_quality_is_ami_when_k_varies(results):
    assert analyse(results).quality == "ami_true"


def test_a_metric_that_rises_with_k_makes_no_k_better(results):
    rows = results.rows.assign(nmi_true=results.rows["k"] / 10, ami_true=results.rows["k"] / 10)
    analysis = analyse(replace(results, rows=rows))
    assert (
        effect(analysis, "k + limit")["verdict"] == "higher"
        and effect(analysis, "k + limit", "ami_true")["verdict"] == "better"
    )


def test_every_outcome_has_its_column():
    assert all(
        METRICS[outcome.name].label and METRICS[outcome.name].better == outcome.better
        for outcome in OUTCOMES
        if outcome.better
    )


def test_every_cell_has_its_planned_baselines(tmp_path):
    axes = "axes: {dataset: [mnist, cifar10], arch: [alexnet, vgg16], input_channels: [3, 1]}"
    plan = plan_of(f"name: b\n{axes}\nsettings: {{epochs: 1, pca_dim: 8}}\nbaselines: [pixels, supervised]\n")
    folder = MatrixDir(tmp_path / "b")
    status.store_plan(plan, folder)
    for spec in (*plan.runs, *plan.baselines):
        score = 0.1 * spec.input_channels + 0.5 * (spec.arch == "vgg16")
        fill(folder, spec.run_id, spec, epochs=spec.epochs, refit_nmi_true=score)
    analysis = analyse(read_results(folder)).references
    means = analysis[analysis["metric"] == "refit_nmi_true"].set_index(["axis", "value", "dataset", "level"])["mean"]
    assert means["input_channels", 3, "cifar10", "raw pixels"] == pytest.approx(0.3)
    assert means["input_channels", 3, "mnist", "raw pixels"] == pytest.approx(0.1), "grey pixels are not repeated"
    assert means["arch", "vgg16", "mnist", "supervised"] == pytest.approx(0.7)
    assert means["arch", "vgg16", "cifar10", "preprocessed pixels"] == pytest.approx(0.2), "pixels have no network"


def test_without_a_finished_run_the_frames_are_empty(tmp_path):
    folder = MatrixDir(tmp_path / "m")
    status.store_plan(plan_of(TEXT), folder)
    analysis = analyse(read_results(folder))
    assert analysis.finals.empty and analysis.effects.empty and analysis.outcomes == ()
    assert analysis.references.empty


def test_effects_count_matched_and_planned_pairs(results):
    rows = results.rows[~((results.rows["optimizer"] == "adam") & (results.rows["seed"] == 2))]
    analysis = analyse(replace(results, rows=rows))
    assert effect(analysis, "optimizer")[["pairs", "planned", "left_out", "seeds"]].tolist() == [8, 12, 0, 2]
    assert effect(analysis, "optimizer")["verdict"] == "too few seeds"


def test_none_is_an_ordinary_value_of_a_numeric_axis(tmp_path):
    folder, plan = MatrixDir(tmp_path / "m"), plan_of("name: m\naxes: {limit: [null, 500, 700]}\nseeds: [0, 1, 2]\n")
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec, epochs=spec.epochs)
    analysis = analyse(read_results(folder))
    assert analysis.effects[["before", "after", "planned"]].to_numpy().tolist()[:3] == [
        [None, 500, 3], [None, 700, 3], [500, 700, 3],
    ]  # fmt: skip
    assert analysis.levels["value"].tolist()[:3] == [None, 500, 700]


def test_epochs_can_be_an_axis(tmp_path):
    folder, plan = MatrixDir(tmp_path / "m"), plan_of("name: m\naxes: {epochs: [2, 4]}\nsettings: {pca_dim: 8}\n")
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec, epochs=spec.epochs, nmi_previous=0.95)
    analysis = analyse(read_results(folder))
    assert analysis.stability[["epochs", "epochs_watched", "reached"]].to_numpy().tolist() == [
        [2, 1, True],
        [4, 1, True],
    ]
