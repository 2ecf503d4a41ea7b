"""The noise floor from runs that are the same experiment."""

import numpy as np
import pytest

from dcbench.analysis.noise_floor import FLOOR_COLUMNS
from dcbench.analysis.summary import analyse
from tests.helpers.analyses import make_results

TEXT = """name: m
axes: {dataset: [mnist, cifar10], input_channels: [3, 2, 1], optimizer: [sgd, adam]}
seeds: [0, 1]
settings: {epochs: 1}
"""


def test_the_floor_is_the_root_mean_square_difference_of_twins():
    analysis = analyse(make_results(TEXT))
    floors = analysis.noise_floor.set_index(["dataset", "ruler"])
    assert {dataset for dataset, _ in floors.index} == {"mnist"}, "images with three channels have no twins"
    runs = analysis.finals.query("dataset == 'mnist' and optimizer == 'sgd'")
    scores = runs.pivot_table(index=["optimizer", "seed"], columns="input_channels", values="nmi_true")
    expected = np.sqrt(((scores[1] - scores[3]) ** 2).mean())
    row = floors.loc["mnist", "own"]
    assert (row["pairs"], row["metric"]) == (2, "nmi_true") and row["floor"] == pytest.approx(expected) and expected > 0


def test_twins_that_did_not_finish_are_left_out():
    plan = make_results(TEXT).runs
    pending = plan.index[(plan["dataset"] == "mnist") & (plan["input_channels"] == 1) & (plan["seed"] == 0)]
    floors = analyse(make_results(TEXT, pending=list(pending))).noise_floor
    assert set(floors["pairs"]) == {1}, "Adam has no twins, and of SGD one seed is left"


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("[3, 2, 1]", "[3, 2]"),
        "name: m\naxes: {optimizer: [sgd, adam]}\nseeds: [0]\nsettings: {epochs: 1, dataset: mnist}\n",
        "name: m\nzip:\n- {input_channels: [1, 3], k: [5, 10]}\nseeds: [0]\nsettings: {epochs: 1, dataset: mnist}\n",
    ],
    ids=["no twins", "no such axis", "moves with another field"],
)
def test_without_twins_there_is_no_floor(text):
    floors = analyse(make_results(text)).noise_floor
    assert floors.empty and list(floors.columns) == FLOOR_COLUMNS
