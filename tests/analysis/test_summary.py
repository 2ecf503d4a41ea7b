from dataclasses import replace

import pytest

from dcbench.analysis import results
from dcbench.analysis.statistics.finals import CurveRule
from dcbench.analysis.summary import OUTCOMES, analyse, metric_spec, set_margins
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
def found(tmp_path):
    folder, plan = MatrixDir(tmp_path / "m"), plan_of(TEXT)
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec, nmi=0.3 + 0.2 * (spec.optimizer == "adam") + 0.01 * spec.seed)
    return results.read_results(folder)


def effect(told, axis, metric="nmi_true"):
    return told.effects.set_index(["axis", "metric"]).loc[axis, metric]


def test_swaps_of_every_axis_with_what_they_bring_along(found):
    told = analyse(found)
    assert list(told.axes) == ["backend", "optimizer", "k + limit"]
    assert effect(told, "optimizer")["verdict"] == "better" and effect(told, "optimizer")["mean"] == pytest.approx(0.2)
    assert effect(told, "optimizer")["brings"] == "lr 0.05 \u2192 0.001"
    assert effect(told, "backend")[["verdict", "brings"]].tolist() == ["same", ""], "its stages are the axis itself"
    assert effect(told, "k + limit")[["before", "after"]].tolist() == ["5, none", "6, 500"]


def test_every_frame_is_there(found):
    told = analyse(found)
    assert len(told.finals) == len(told.stability) == 24 and told.stability["reached"].sum() == 0
    assert set(told.levels["axis"]) == set(told.axes) and len(told.interactions) > 0 and told.rankings == []
    assert [one.name for one in told.outcomes] == ["nmi_true", "gain_nmi_true", "seconds", "seconds_clustering"]


def test_margins_and_rules_are_the_users_and_stay_beside_the_numbers(found):
    told = analyse(found, set_margins({"nmi_true": 0.3}), {"nmi_true": CurveRule(last=2)})
    assert effect(told, "optimizer")[["verdict", "margin"]].tolist() == ["same", 0.3]
    assert told.finals["nmi_true"].iloc[0] == pytest.approx(0.45)
    assert told.describe_rule("nmi_true") == "mean of the last 2 rows" and told.describe_rule("ami_true") == "last row"
    assert told.describe_rule("seconds") == "whole run"


def test_against_k_the_quality_is_ami(found):
    assert analyse(found).quality == "ami_true"


def test_by_what_changes_with_k_by_itself_no_k_is_better(found):
    rows = found.rows.assign(nmi_true=found.rows["k"] / 10, ami_true=found.rows["k"] / 10)
    told = analyse(replace(found, rows=rows))
    assert (
        effect(told, "k + limit")["verdict"] == "higher"
        and effect(told, "k + limit", "ami_true")["verdict"] == "better"
    )


def test_every_outcome_has_its_column():
    assert all(
        metric_spec(one.name).label and metric_spec(one.name).better == one.better for one in OUTCOMES if one.better
    )


def test_every_cell_has_the_baselines_that_the_plan_made_for_it(tmp_path):
    axes = "axes: {dataset: [mnist, cifar10], arch: [alexnet, vgg16], input_channels: [3, 1]}"
    plan = plan_of(f"name: b\n{axes}\nsettings: {{epochs: 1, pca_dim: 8}}\nbaselines: [pixels, supervised]\n")
    folder = MatrixDir(tmp_path / "b")
    status.store_plan(plan, folder)
    for spec in (*plan.runs, *plan.baselines):
        score = 0.1 * spec.input_channels + 0.5 * (spec.arch == "vgg16")
        fill(folder, spec.run_id, spec, epochs=spec.epochs, refit_nmi_true=score)
    told = analyse(results.read_results(folder)).references
    mine = told[told["metric"] == "refit_nmi_true"].set_index(["axis", "value", "dataset", "level"])["mean"]
    assert mine["input_channels", 3, "cifar10", "raw pixels"] == pytest.approx(0.3)
    assert mine["input_channels", 3, "mnist", "raw pixels"] == pytest.approx(0.1), "grey pixels are not repeated"
    assert mine["arch", "vgg16", "mnist", "supervised"] == pytest.approx(0.7)
    assert mine["arch", "vgg16", "cifar10", "preprocessed pixels"] == pytest.approx(0.2), "pixels have no network"


def test_nothing_finished_gives_empty_frames(tmp_path):
    folder = MatrixDir(tmp_path / "m")
    status.store_plan(plan_of(TEXT), folder)
    told = analyse(results.read_results(folder))
    assert told.finals.empty and told.effects.empty and told.outcomes == ()
    assert told.references.empty


def test_pairs_stand_beside_those_that_were_planned(found):
    told = analyse(replace(found, rows=found.rows[~((found.rows["optimizer"] == "adam") & (found.rows["seed"] == 2))]))
    assert effect(told, "optimizer")[["pairs", "planned", "left_out", "seeds"]].tolist() == [8, 12, 0, 2]
    assert effect(told, "optimizer")["verdict"] == "too few seeds"


def test_none_among_amounts_is_a_value_like_any_other(tmp_path):
    folder, plan = MatrixDir(tmp_path / "m"), plan_of("name: m\naxes: {limit: [null, 500, 700]}\nseeds: [0, 1, 2]\n")
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec, epochs=spec.epochs)
    told = analyse(results.read_results(folder))
    assert told.effects[["before", "after", "planned"]].to_numpy().tolist()[:3] == [
        [None, 500, 3], [None, 700, 3], [500, 700, 3],
    ]  # fmt: skip
    assert told.levels["value"].tolist()[:3] == [None, 500, 700]


def test_epochs_can_be_an_axis_as_any_other(tmp_path):
    folder, plan = MatrixDir(tmp_path / "m"), plan_of("name: m\naxes: {epochs: [2, 4]}\nsettings: {pca_dim: 8}\n")
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec, epochs=spec.epochs, nmi_previous=0.95)
    told = analyse(results.read_results(folder))
    assert told.stability[["epochs", "epochs_watched", "reached"]].to_numpy().tolist() == [[2, 1, True], [4, 1, True]]
