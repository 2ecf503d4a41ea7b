import itertools
import math

import numpy as np
import pandas as pd
import pytest

from dcbench.analysis.statistics import changes
from dcbench.analysis.statistics.effects import Outcome

SCORE = Outcome(name="score", better="higher", margin=0.02)
TIME = Outcome(name="time", better="lower", margin=1.1, ratio=True)


def make_two_sides(change=0.0, seeds=3, noise=0.0, rng=None, only=None):
    """Return a run for each side, value of `a`, cell and seed; NEW is changed for all values of `a` or only for one."""
    rng = rng or np.random.default_rng(0)
    rows = []
    for side, seed, (a, cell) in itertools.product(
        ("old", "new"), range(seeds), itertools.product(("one", "two"), "xyz")
    ):
        moved = change * (side == "new" and only in (None, a)) + noise * rng.normal()
        runs = {"side": side, "seed": seed, "cell": f"{a}{cell}", "a": a, "b": cell, "method": "m", "baseline": False}
        rows.append(runs | {"score": 0.5 + 0.05 * seed + moved, "time": 10.0 * (1 + seed)})
    return pd.DataFrame(rows)


def table(frame, *outcomes):
    return changes.tabulate_changes(frame, ["a", "b"], outcomes or [SCORE]).set_index(["metric", "axis", "value"])


def test_a_change_in_one_value_is_worse_there_and_overall_only():
    rows = table(make_two_sides(-0.1, only="two"))
    overall = rows.loc["score", "", ""]
    assert overall["verdict"] == "worse" and overall["mean"] == pytest.approx(-0.05)
    assert (overall["old"], overall["new"]) == (pytest.approx(0.55), pytest.approx(0.5))
    assert overall[["pairs", "cells", "seeds", "left_out"]].tolist() == [18, 6, 3, 0]
    assert rows.loc["score", "a", "two"][["verdict", "pairs"]].tolist() == ["worse", 9]
    assert rows.loc["score", "a", "two"]["mean"] == pytest.approx(-0.1)
    assert rows.loc["score", "a", "one"]["verdict"] == "identical"
    assert set(rows.loc["score", "b"]["verdict"]) == {"worse"}, "each of them is half of the changed runs"


def test_a_change_within_the_margin_is_the_same_and_not_identical():
    assert set(table(make_two_sides(0.001))["verdict"]) == {"same"}


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_fewer_than_three_seeds_identical_is_the_only_verdict(seeds):
    assert set(table(make_two_sides(seeds=seeds))["verdict"]) == {"identical"}
    rows = table(make_two_sides(-0.3, seeds=seeds, only="two"))
    assert rows.loc["score", "a", "two"]["verdict"] == "too few seeds"
    assert math.isnan(rows.loc["score", "a", "two"]["low"]) and rows.loc["score", "a", "one"]["verdict"] == "identical"


def test_one_pair_that_differs_by_the_last_digit_is_not_identical():
    frame = make_two_sides()
    frame.loc[frame["side"] == "new", "score"] = [np.nextafter(0.5, 1), *frame["score"].iloc[1:18]]
    rows = table(frame)
    assert rows.loc["score", "", ""]["verdict"] == "same" and rows.loc["score", "a", "two"]["verdict"] == "identical"


def test_a_pair_left_out_of_the_mean_still_prevents_identical():
    frame = make_two_sides(seeds=4)
    new = frame["side"] == "new"
    frame.loc[new & (frame["cell"] == "onex") & (frame["seed"] == 0), "score"] = np.nan
    frame.loc[new & (frame["cell"] == "onex") & (frame["seed"] == 1), "score"] += 0.2
    rows = table(frame)
    assert rows.loc["score", "", ""][["pairs", "left_out", "mean"]].tolist() == [20, 3, 0.0]
    assert rows.loc["score", "", ""]["verdict"] == "cannot tell", "the pair that changed is not in the mean"
    assert rows.loc["score", "b", "y"]["verdict"] == "identical"


def test_runs_of_only_one_side_are_left_out():
    frame = make_two_sides()
    frame = frame[(frame["side"] == "new") | (frame["b"] != "x")]
    frame.loc[frame["b"] == "x", "score"] = 99.0
    rows = table(frame)
    assert rows.loc["score", "", ""][["pairs", "old", "new"]].tolist() == [12, pytest.approx(0.55), pytest.approx(0.55)]
    assert ("score", "b", "x") not in rows.index


def test_times_are_compared_as_factors():
    frame = make_two_sides()
    frame.loc[frame["side"] == "new", "time"] *= 1.5
    overall = table(frame, TIME).loc["time", "", ""]
    assert overall["verdict"] == "worse" and overall["mean"] == pytest.approx(1.5)
    assert overall["old"] == pytest.approx((10 * 20 * 30) ** (1 / 3)), "a geometric mean, whose ratio is the change"
    assert overall["new"] == pytest.approx(1.5 * overall["old"])


def test_baselines_have_their_own_rows():
    frame = make_two_sides()
    baselines = frame[frame["cell"] == "onex"].assign(baseline=True, method="pixels", cell="p")
    baselines.loc[baselines["side"] == "new", "score"] -= 0.2
    rows = table(pd.concat([frame, baselines], ignore_index=True))
    assert rows.loc["score", "baseline", "pixels"][["verdict", "pairs"]].tolist() == ["worse", 3]
    assert rows.drop(index=("score", "baseline", "pixels"))["verdict"].unique().tolist() == ["identical"]
    alone = table(baselines)
    assert alone.index.tolist() == [("score", "baseline", "pixels")], "no cell, so nothing overall"


def test_p_values_are_corrected_over_the_rows_of_each_metric():
    rows = table(make_two_sides(-0.02, noise=0.02, seeds=5), SCORE, TIME)
    assert len(rows.loc["score"]) == 6
    smallest = rows.loc["score", "p"].idxmin()
    assert rows.loc[("score", *smallest), "p_holm"] == pytest.approx(min(1, 6 * rows.loc[("score", *smallest), "p"]))


def test_without_pairs_the_table_is_empty():
    frame = make_two_sides()
    one_side = changes.tabulate_changes(frame[frame["side"] == "old"], ["a"], [SCORE])
    assert list(one_side.columns) == changes.CHANGE_COLUMNS
    assert changes.tabulate_changes(frame.iloc[:0], ["a"], [SCORE]).empty


@pytest.mark.slow
def test_sets_with_the_same_truth_differ_in_at_most_5_percent():
    rng = np.random.default_rng(1)
    margin = [Outcome(name="score", better="higher", margin=1e-6)]  # too narrow for the verdict "same"
    alarms = [
        set(changes.tabulate_changes(make_two_sides(noise=0.05, seeds=3, rng=rng), ["a", "b"], margin)["verdict"])
        - {"cannot tell"}
        for _ in range(400)
    ]
    wrong = sum(map(bool, alarms)) / len(alarms)
    assert 0 < wrong < 0.05 + 2 * math.sqrt(0.05 * 0.95 / len(alarms))
