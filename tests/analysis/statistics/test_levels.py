import pandas as pd
import pytest

from dcbench.analysis.statistics import levels
from dcbench.analysis.statistics.effects import Outcome
from tests.helpers.factorials import AXES, factorial, without

SCORE = Outcome(name="score", better="higher", margin=0.02)


def test_each_value_has_a_mean_and_an_interval():
    result = levels.tabulate_levels(
        factorial(noise=0.01), {"a": ["one", "two", "three"], "cell": AXES["cell"]}, [SCORE]
    )
    own = result[result["axis"] == "a"]
    assert own["value"].tolist() == ["one", "two"], "values without any run have no level"
    assert (own["low"] < own["mean"]).all() and (own["mean"] < own["high"]).all()
    assert own["mean"].diff().iloc[1] == pytest.approx(0.1, abs=0.02)
    assert (result[["cells", "seeds"]].to_numpy() == [[3, 3]] * 2 + [[2, 3]] * 3).all()


def test_levels_use_only_cells_and_seeds_that_all_values_have():
    frame = without(factorial(), cell="x", a="one")
    own = levels.tabulate_levels(frame, AXES, [SCORE]).query("axis == 'a'")
    assert own["cells"].tolist() == [2, 2] and own["mean"].diff().iloc[1] == pytest.approx(0.1)


def test_matched_runs_have_every_cell_and_seed_for_every_value():
    frame = without(factorial(seeds=4), cell="x", seed=1, a="two")
    matched = levels.select_matched_runs(frame, AXES, "a")
    assert len(matched) == 18 and matched.groupby(["a", "seed"])["cell"].nunique().eq(3).all()
    assert 1 not in set(matched["seed"]) and not matched.duplicated(["a", "seed", "cell"]).any()
    assert len(levels.select_matched_runs(frame, AXES, None)) == 20, "without an axis one of six cells goes"


def test_a_mean_curve_has_an_interval_and_ends_with_the_shortest_run():
    runs = pd.DataFrame({"run_id": list("abc"), "seed": [0, 1, 2], "cell": 0})
    rows = runs.merge(pd.DataFrame({"epoch": [0, 1, 2]}), how="cross")
    rows["nmi"] = 0.1 * rows["epoch"] + 0.1 * rows["seed"]
    result = levels.mean_curve(rows, "nmi")
    assert result["mean"].to_dict() == pytest.approx({0: 0.1, 1: 0.2, 2: 0.3})
    assert ((result["high"] - result["mean"]) / 0.1).tolist() == pytest.approx([4.30265 / 3**0.5] * 3, rel=1e-4)
    shorter = rows[(rows["run_id"] != "b") | (rows["epoch"] < 2)]
    assert list(levels.mean_curve(shorter, "nmi").index) == [0, 1]
    assert (
        levels.mean_curve(rows.assign(nmi=float("nan")), "nmi").empty and levels.mean_curve(rows.iloc[:0], "nmi").empty
    )


def test_the_level_is_the_mean_of_the_means_of_its_cells():
    frame = factorial(noise=0.01)
    result = levels.tabulate_cells(frame, AXES, "a", SCORE)
    table = levels.tabulate_levels(frame, AXES, [SCORE]).query("axis == 'a'").set_index("value")["mean"]
    assert result.groupby("value")["mean"].mean().to_dict() == pytest.approx(table.to_dict())
    level = result[(result["value"] == "two") & (result["cell"] == "y")]["mean"]
    assert level.tolist() == pytest.approx([frame.query("a == 'two' and cell == 'y'")["score"].mean()])
    assert levels.tabulate_cells(frame.iloc[:0], AXES, "a", SCORE).empty


def test_the_curve_of_a_ratio_is_a_geometric_mean():
    runs = pd.DataFrame({"run_id": list("abc"), "seed": [0, 1, 2], "cell": 0, "epoch": 0, "rank": [1.0, 10.0, 100.0]})
    result = levels.mean_curve(runs, "rank", ratio=True)
    assert result["mean"].tolist() == pytest.approx([10]) and 0 < result["low"].iloc[0] < 10 < result["high"].iloc[0]
    assert result["low"].iloc[0] * result["high"].iloc[0] == pytest.approx(100)


# --- reference levels ----------------------------------------------------------------------


RUNS = pd.DataFrame(
    {
        "dataset": ["a", "a", "b"],
        "limit": [None, 5, None],
        "arch": ["x", "y", "x"],
        "together": ["1, x", "2, y", "1, x"],
    }
)
BASELINES = pd.DataFrame(
    {
        "run_id": list("pqrstu"),
        "level": ["raw"] * 4 + ["supervised"] * 2,
        "dataset": ["a", "a", "b", "a", "a", "a"],
        "limit": [None, 5, None, 7, None, 5],
        "arch": ["x", "x", "x", "x", "x", "y"],
        "score": [0.1, 0.2, 0.3, 0.9, 0.7, None],
    }
)
FIELDS = {"raw": ["dataset", "limit"], "supervised": ["dataset", "limit", "arch"], "other": ["dataset"]}


def tabulate(*axes):
    return levels.tabulate_references(RUNS, BASELINES, FIELDS, axes, ["score"])


def means(table, axis, level, dataset="a"):
    own = table[(table["axis"] == axis) & (table["level"] == level) & (table["dataset"] == dataset)]
    return dict(zip(own["value"], own["mean"], strict=True))


def test_a_baseline_belongs_to_all_cells_with_its_fields():
    result = tabulate("arch")
    assert means(result, "arch", "raw") == {"x": 0.1, "y": 0.2}, "pixels have no architecture"
    assert means(result, "arch", "supervised") == {"x": 0.7}, "a baseline without the score is absent, not another's"
    assert means(result, "arch", "raw", "b") == {"x": 0.3}


def test_none_matches_only_none():
    assert means(tabulate("limit"), "limit", "raw") == {None: 0.1, 5: 0.2}


def test_zipped_fields_are_an_axis():
    assert means(tabulate("together"), "together", "raw") == {"1, x": 0.1, "2, y": 0.2}


def test_without_an_axis_all_baselines_of_planned_cells_count():
    result = tabulate()
    own = result[(result["level"] == "raw") & (result["dataset"] == "a")]
    assert own["mean"].tolist() == pytest.approx([0.15]) and own["runs"].tolist() == [2]
    assert own["axis"].isna().all() and own["value"].isna().all()


def test_without_baselines_the_table_is_empty():
    result = levels.tabulate_references(RUNS, BASELINES.iloc[:0], FIELDS, ["arch"], ["score"])
    assert result.empty and list(result.columns) == levels.REFERENCE_COLUMNS
