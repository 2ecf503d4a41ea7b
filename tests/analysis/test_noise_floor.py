"""The noise floor from runs that are the same experiment."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dcbench.analysis.noise_floor import FLOOR_COLUMNS, MIN_FREEDOM, NoiseFloor, choose_floor, estimate_floors
from dcbench.analysis.summary import analyse
from tests.helpers.analyses import make_results

T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 6: 2.447, 10: 2.228}
"""Student's t table, as printed in textbooks: degrees of freedom -> the 0.975 quantile."""

TWINS = """name: m
axes: {dataset: [mnist, cifar10], input_channels: [3, 2, 1], optimizer: [sgd, adam]}
seeds: [0, 1]
settings: {epochs: 1}
"""

REPEATS = """name: m
axes: {dataset: [digits, cifar10], optimizer: [sgd, adam]}
seeds: [0, 1]
repeats: 3
settings: {epochs: 2}
"""

BACKENDS = """name: m
axes: {backend: [faiss, sklearn, torch]}
seeds: [0, 1]
settings: {epochs: 2, dataset: cifar10}
"""


# --- channels -------------------------------------------------------------------------------


def test_twins_give_the_root_mean_square_difference_and_its_floor():
    analysis = analyse(make_results(TWINS))
    floors = analysis.noise_floor.set_index(["dataset", "ruler"])
    assert {dataset for dataset, _ in floors.index} == {"mnist"}, "images with three channels have no twins"
    runs = analysis.finals.query("dataset == 'mnist' and optimizer == 'sgd'")
    scores = runs.pivot_table(index=["optimizer", "seed"], columns="input_channels", values="nmi_true")
    rms = np.sqrt(((scores[1] - scores[3]) ** 2).mean())
    row = floors.loc["mnist", "own"]
    assert (row["source"], row["pairs"], row["degrees_of_freedom"], row["metric"]) == ("channels", 2, 2, "nmi_true")
    assert row["rms"] == pytest.approx(rms) and rms > 0
    assert row["floor"] == pytest.approx(T_975[2] * rms, rel=1e-3) and row["used"]


def test_twins_that_did_not_finish_are_left_out():
    plan = make_results(TWINS).runs
    pending = plan.index[(plan["dataset"] == "mnist") & (plan["input_channels"] == 1) & (plan["seed"] == 0)]
    floors = analyse(make_results(TWINS, pending=list(pending))).noise_floor
    assert set(floors["pairs"]) == {1}, "Adam has no twins, and of SGD one seed is left"


@pytest.mark.parametrize(
    "text",
    [
        TWINS.replace("[3, 2, 1]", "[3, 2]"),
        "name: m\naxes: {optimizer: [sgd, adam]}\nseeds: [0]\nsettings: {epochs: 1, dataset: mnist}\n",
        "name: m\nzip:\n- {input_channels: [1, 3], k: [5, 10]}\nseeds: [0]\nsettings: {epochs: 1, dataset: mnist}\n",
        TWINS.replace("epochs: 1", "epochs: 0"),
    ],
    ids=["no twins", "no such axis", "moves with another field", "no training"],
)
def test_without_the_same_experiment_there_is_no_floor(text):
    analysis = analyse(make_results(text))
    assert analysis.noise_floor.empty and list(analysis.noise_floor.columns) == FLOOR_COLUMNS
    assert analysis.find_floor("nmi_true") is None and analysis.get_noise_floor("nmi_true", "mnist") is None


# --- repeats --------------------------------------------------------------------------------


def test_repeats_pool_the_variance_within_a_cell_and_seed():
    analysis = analyse(make_results(REPEATS, failed=[0]))
    floors = analysis.noise_floor.query("ruler == 'own'").set_index("dataset")
    for dataset, pairs, freedom in (("digits", 1 + 3 * 3, 7), ("cifar10", 4 * 3, 8)):
        runs = analysis.all_finals.query("dataset == @dataset")
        variances = runs.groupby(["optimizer", "seed"], observed=True)["nmi_true"].agg(["var", "size"])
        pooled = (variances["var"] * (variances["size"] - 1)).sum() / freedom
        row = floors.loc[dataset]
        assert (row["source"], row["pairs"], row["degrees_of_freedom"]) == ("repeats", pairs, freedom)
        assert row["rms"] == pytest.approx(math.sqrt(2 * pooled))
    assert set(analysis.finals["repeat"]) == {0} and set(analysis.all_finals["repeat"]) == {0, 1, 2}
    assert analysis.find_floor("nmi_true", "digits") == floors.loc["digits", "floor"]
    assert analysis.find_floor("nmi_true") == floors["floor"].max(), "where datasets are pooled, the largest counts"


def test_every_score_has_a_floor_and_times_have_none():
    analysis = analyse(make_results(REPEATS))
    assert analysis.find_floor("test_refit_nmi_true") > 0 and analysis.find_floor("gain_nmi_true", "digits") > 0
    assert analysis.find_floor("seconds") is None and analysis.find_floor("l2_nmi_true") is None


def test_where_k_varies_the_floor_is_that_of_the_metric_that_judges():
    analysis = analyse(make_results(REPEATS.replace("optimizer: [sgd, adam]", "k: [5, 10]")))
    assert dict(analysis.noise_floor[["ruler", "metric"]].values.tolist())["own"] == analysis.quality == "ami_true"


# --- rounding -------------------------------------------------------------------------------


def make_rounded(ends):
    """Return the analysis of runs with one first clustering whose `loss` and NMI end as given for (seed, backend)."""
    results = make_results(BACKENDS)
    rows = results.rows.sort_values(["run_id", "epoch"], ignore_index=True)
    for (seed, backend), end in ends.items():
        run = (rows["seed"] == seed) & (rows["backend"] == backend)
        for name in ("nmi_true", "ami_true", "cluster_accuracy", "loss", "pseudo_label_accuracy", "nmi_previous"):
            rows.loc[run, name] = [0.3 + seed / 100, 0.3 + seed / 100, end]
    return analyse(replace(results, rows=rows))


def test_rounding_counts_each_trajectory_of_a_first_clustering_once():
    analysis = make_rounded(
        {(0, "faiss"): 0.5, (0, "sklearn"): 0.5, (0, "torch"): 0.54}
        | {(1, "faiss"): 0.6, (1, "sklearn"): 0.63, (1, "torch"): 0.69}
    )
    (row,) = analysis.noise_floor.query("ruler == 'own'").to_dict("records")
    squares = 0.04**2 / 2 + np.var([0.6, 0.63, 0.69]) * 3
    assert (row["source"], row["pairs"], row["degrees_of_freedom"]) == ("rounding", 1 + 3, 1 + 2)
    assert row["rms"] == pytest.approx(math.sqrt(2 * squares / 3))
    assert row["floor"] == pytest.approx(T_975[3] * row["rms"], rel=1e-3)


def test_copies_of_one_trajectory_tell_nothing():
    same = {(seed, backend): 0.5 + seed / 10 for seed in (0, 1) for backend in ("faiss", "sklearn", "torch")}
    assert make_rounded(same).noise_floor.empty


def test_runs_with_another_first_clustering_are_another_experiment():
    assert analyse(make_results(BACKENDS)).noise_floor.empty, "the made-up runs all start from other scores"


def test_pairs_that_are_copies_of_a_pair_count_once():
    results = make_results(REPEATS.replace("repeats: 3", "repeats: 2"))
    rows = results.rows
    # On digits Adam makes the same two trajectories as SGD, as an axis does that has no effect.
    for name in ("loss", "pseudo_label_accuracy", "nmi_true", "ari_true", "nmi_previous"):
        ends = rows.groupby(["dataset", "seed", "repeat", "epoch"])[name].transform("first")
        rows[name] = rows[name].where(rows["dataset"] != "digits", ends)
    pairs = analyse(results).noise_floor.query("ruler == 'own'").set_index("dataset")["pairs"]
    assert (pairs["digits"], pairs["cifar10"]) == (2, 4)


# --- which source counts --------------------------------------------------------------------


def make_floor(source, floor, freedom, dataset="mnist"):
    return NoiseFloor(
        dataset=dataset, source=source, pairs=freedom, degrees_of_freedom=freedom, rms=floor / 3, floor=floor
    )


def test_the_largest_floor_counts_among_those_with_enough_degrees_of_freedom():
    exact, small, vague = (
        make_floor("repeats", 0.1, 12),
        make_floor("rounding", 0.05, 20),
        make_floor("channels", 0.9, MIN_FREEDOM - 1),
    )
    assert choose_floor([small, exact, vague]) == exact
    assert choose_floor([vague]) == vague, "where there is no better one"
    assert choose_floor([]) is None
    other = make_floor("repeats", 0.2, 1, "cifar10")
    assert choose_floor([exact, other]) == other, "of several datasets the largest"


# --- the statistic --------------------------------------------------------------------------


@pytest.mark.parametrize(("groups", "size"), [(1, 2), (3, 2), (4, 2), (2, 4)])
def test_95_of_100_differences_of_two_further_runs_are_below_the_floor(groups, size):
    rng, trials, further, below = np.random.default_rng(groups * size), 150, 50, 0
    # Cells differ by far more than the runs of one do.
    levels = np.repeat(10 * rng.normal(size=groups), size)
    same = pd.DataFrame({"dataset": "mnist", "source": "repeats", "group": np.repeat(range(groups), size)})
    same["run_id"] = [f"run {number}" for number in range(len(same))]
    for _ in range(trials):
        scores = pd.DataFrame({"run_id": same["run_id"], "nmi_true": levels + rng.normal(size=len(same))})
        (floor,) = estimate_floors(scores, same, "nmi_true")
        assert floor.degrees_of_freedom == groups * (size - 1)
        below += (np.abs(np.diff(rng.normal(size=(further, 2)))) < floor.floor).sum()
    # The normal quantile in place of t would cover 0.70 with one pair, and 0.90 with six.
    assert below / trials / further == pytest.approx(0.95, abs=0.02)
