import pandas as pd
import pytest

from dcbench.analysis.statistics import levels
from dcbench.analysis.statistics.effects import Outcome
from tests.helpers.factorials import AXES, factorial, without

SCORE = Outcome("score", "higher", 0.02)


def test_a_mean_and_an_interval_for_each_value():
    told = levels.levels_table(factorial(noise=0.01), {"a": ["one", "two", "three"], "cell": AXES["cell"]}, [SCORE])
    mine = told[told["axis"] == "a"]
    assert mine["value"].tolist() == ["one", "two"], "values without any run have no level"
    assert (mine["low"] < mine["mean"]).all() and (mine["mean"] < mine["high"]).all()
    assert mine["mean"].diff().iloc[1] == pytest.approx(0.1, abs=0.02)
    assert (told[["cells", "seeds"]].to_numpy() == [[3, 3]] * 2 + [[2, 3]] * 3).all()


def test_only_cells_and_seeds_that_all_values_have_count():
    frame = without(factorial(), cell="x", a="one")
    mine = levels.levels_table(frame, AXES, [SCORE]).query("axis == 'a'")
    assert mine["cells"].tolist() == [2, 2] and mine["mean"].diff().iloc[1] == pytest.approx(0.1)


def test_alike_keeps_whole_cells_and_says_which():
    frame = without(factorial(seeds=4), cell="x", seed=1, a="two")
    kept = levels.alike(frame, AXES, "a")
    assert len(kept) == 18 and kept.groupby(["a", "seed"])["cell"].nunique().eq(3).all()
    assert 1 not in set(kept["seed"]) and not kept.duplicated(["a", "seed", "cell"]).any()
    assert len(levels.alike(frame, AXES, None)) == 20, "without an axis one of six cells goes"


def test_a_curve_is_the_mean_by_epoch_with_its_interval_and_ends_where_the_shortest_run_ends():
    runs = pd.DataFrame({"run_id": list("abc"), "seed": [0, 1, 2], "cell": 0})
    rows = runs.merge(pd.DataFrame({"epoch": [0, 1, 2]}), how="cross")
    rows["nmi"] = 0.1 * rows["epoch"] + 0.1 * rows["seed"]
    told = levels.curve(rows, "nmi")
    assert told["mean"].to_dict() == pytest.approx({0: 0.1, 1: 0.2, 2: 0.3})
    assert ((told["high"] - told["mean"]) / 0.1).tolist() == pytest.approx([4.30265 / 3**0.5] * 3, rel=1e-4)
    shorter = rows[(rows["run_id"] != "b") | (rows["epoch"] < 2)]
    assert list(levels.curve(shorter, "nmi").index) == [0, 1]
    assert levels.curve(rows.assign(nmi=float("nan")), "nmi").empty and levels.curve(rows.iloc[:0], "nmi").empty


def test_cell_by_cell_the_means_over_seeds_are_those_that_the_level_is_made_of():
    frame = factorial(noise=0.01)
    told = levels.by_cell(frame, AXES, "a", SCORE)
    table = levels.levels_table(frame, AXES, [SCORE]).query("axis == 'a'").set_index("value")["mean"]
    assert told.groupby("value")["mean"].mean().to_dict() == pytest.approx(table.to_dict())
    one = told[(told["value"] == "two") & (told["cell"] == "y")]["mean"]
    assert one.tolist() == pytest.approx([frame.query("a == 'two' and cell == 'y'")["score"].mean()])
    assert levels.by_cell(frame.iloc[:0], AXES, "a", SCORE).empty


def test_the_curve_of_a_ratio_is_the_geometric_mean_with_an_interval_above_0():
    runs = pd.DataFrame({"run_id": list("abc"), "seed": [0, 1, 2], "cell": 0, "epoch": 0, "rank": [1.0, 10.0, 100.0]})
    told = levels.curve(runs, "rank", ratio=True)
    assert told["mean"].tolist() == pytest.approx([10]) and 0 < told["low"].iloc[0] < 10 < told["high"].iloc[0]
    assert told["low"].iloc[0] * told["high"].iloc[0] == pytest.approx(100)
