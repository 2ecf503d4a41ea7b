import pandas as pd
import pytest

from dcbench.analysis.statistics import references

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


def made(*axes):
    return references.references_table(RUNS, BASELINES, FIELDS, axes, ["score"])


def means(table, axis, level, dataset="a"):
    mine = table[(table["axis"] == axis) & (table["level"] == level) & (table["dataset"] == dataset)]
    return dict(zip(mine["value"], mine["mean"], strict=True))


def test_a_baseline_belongs_to_the_cells_with_its_fields_whatever_the_others_are():
    told = made("arch")
    assert means(told, "arch", "raw") == {"x": 0.1, "y": 0.2}, "pixels have no architecture"
    assert means(told, "arch", "supervised") == {"x": 0.7}, "a baseline without the score is absent, not another's"
    assert means(told, "arch", "raw", "b") == {"x": 0.3}


def test_none_is_a_value_and_not_any_value():
    assert means(made("limit"), "limit", "raw") == {None: 0.1, 5: 0.2}


def test_fields_that_move_together_are_an_axis_as_well():
    assert means(made("together"), "together", "raw") == {"1, x": 0.1, "2, y": 0.2}


def test_without_an_axis_all_baselines_of_planned_cells_count():
    told = made()
    mine = told[(told["level"] == "raw") & (told["dataset"] == "a")]
    assert mine["mean"].tolist() == pytest.approx([0.15]) and mine["runs"].tolist() == [2]
    assert mine["axis"].isna().all() and mine["value"].isna().all()


def test_without_baselines_the_table_is_empty():
    told = references.references_table(RUNS, BASELINES.iloc[:0], FIELDS, ["arch"], ["score"])
    assert told.empty and list(told.columns) == references.COLUMNS
