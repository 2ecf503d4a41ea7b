import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dcbench.analysis.statistics import effects
from dcbench.analysis.statistics.effects import Outcome, find_strongest_interactions, tabulate_effects_by_value
from dcbench.analysis.statistics.intervals import infer_means
from tests.helpers.factorials import AXES, factorial, without

SCORE = Outcome(name="score", better="higher", margin=0.02)


def table(frame, *outcomes, axes=AXES, other_fields=()):
    rows = effects.tabulate_effects(frame, axes, outcomes or [SCORE], other_fields)
    return rows.set_index(["metric", "axis", "before", "after"])


def test_a_planted_effect_is_estimated_with_its_pairs():
    rows = table(factorial())
    row = rows.loc["score", "a", "one", "two"]
    assert row["mean"] == pytest.approx(0.1) and row["verdict"] == "better" and row["improved"] == 1.0
    assert row[["pairs", "cells", "seeds", "left_out"]].tolist() == [9, 3, 3, 0]
    assert rows.xs("cell", level="axis")["verdict"].tolist() == ["same"] * 3


def test_the_direction_of_the_metric_decides_the_verdict():
    for better, verdict, improved in (("lower", "worse", 0.0), (None, "higher", 1.0)):
        row = table(factorial(), Outcome(name="score", better=better, margin=0.02)).loc["score", "a", "one", "two"]
        assert (row["verdict"], row["improved"]) == (verdict, improved)


def test_with_fewer_than_three_seeds_there_is_an_estimate_without_a_verdict():
    row = table(factorial(seeds=2)).loc["score", "a", "one", "two"]
    assert row["mean"] == pytest.approx(0.1) and math.isnan(row["low"]) and row["verdict"] == "too few seeds"


def test_unequal_runs_are_left_out_and_counted():
    row = table(without(factorial(seeds=5), cell="x", seed=1, a="two")).loc["score", "a", "one", "two"]
    assert row[["pairs", "cells", "seeds", "left_out"]].tolist() == [12, 3, 4, 2]


def test_a_swap_without_matched_pairs_has_no_row():
    frame = factorial().query("(a == 'one' and cell == 'x') or (a == 'two' and cell == 'y')")
    assert table(frame).empty


def test_ratios_are_compared_by_their_logarithms():
    frame = factorial().assign(seconds=lambda all_: np.where(all_["a"] == "two", 30.0, 20.0) * (1 + all_["seed"]))
    row = table(frame, Outcome(name="seconds", better="lower", margin=1.1, ratio=True)).loc[
        "seconds", "a", "one", "two"
    ]
    assert row["mean"] == pytest.approx(1.5) and row["verdict"] == "worse" and row["margin"] == 1.1
    nothing = frame.assign(seconds=frame["seconds"].where(frame["cell"] != "x", 0.0))
    row = table(nothing, Outcome(name="seconds", better="lower", margin=1.1, ratio=True)).loc[
        "seconds", "a", "one", "two"
    ]
    assert row["cells"] == 2, "there is no logarithm of 0"


def test_p_values_are_corrected_over_the_swaps_of_a_metric():
    rows = table(factorial(noise=0.05, seeds=5))
    assert (rows["p_holm"] >= rows["p"]).all() and rows["p_holm"].max() <= 1
    smallest = rows["p"].idxmin()
    assert rows.loc[smallest, "p_holm"] == pytest.approx(min(1, rows.loc[smallest, "p"] * len(rows)))


def test_fields_that_change_with_a_swap_are_named_with_fixed_values():
    frame = factorial().assign(width=1.0, batch=[8, 8, 16, 8, 8, 8] * 3, limit=[None, 500] * 9)
    rows = table(frame, other_fields=["lr", "width", "batch", "limit"])
    assert rows.loc["score", "a", "one", "two"]["brings"] == "lr 0.1 \u2192 0.2, batch, limit none \u2192 500"
    assert rows.loc["score", "cell", "x", "z"]["brings"] == ""


@pytest.mark.parametrize(
    ("mean", "p", "p_same", "verdict"),
    [
        (0.1, 0.001, 0.9, "better"), (-0.1, 0.001, 0.9, "worse"), (0.01, 0.001, 0.001, "same"),
        (0.01, 0.5, 0.5, "cannot tell"), (0.1, math.nan, math.nan, "too few seeds"),
    ],
)  # fmt: skip
def test_verdicts_follow_from_mean_and_p_values(mean, p, p_same, verdict):
    assert effects.judge_effect(mean, p, p_same, "higher") == verdict


def test_the_swaps_of_a_condition_are_corrected_apart_from_those_of_choices():
    frame = factorial(noise=0.05, seeds=5)
    alone = effects.tabulate_effects(frame, AXES, [SCORE], [], conditions={"cell"}).set_index("axis")
    choice, conditions = alone.loc["a"], alone.loc["cell"]
    assert choice["p_holm"] == choice["p"], "one choice is one question, however many datasets there are"
    means = frame.pivot_table(index="seed", columns="a", values="score")
    assert choice["p"] == pytest.approx(stats.ttest_rel(means["two"], means["one"]).pvalue)
    assert conditions["p_holm"].min() == pytest.approx(min(1, 3 * conditions["p"].min()))
    together = effects.tabulate_effects(frame, AXES, [SCORE], [])
    assert together["axis"].tolist() == alone.index.tolist()
    assert together.loc[0, "p_holm"] > together.loc[0, "p"]


def test_the_swaps_of_a_metric_are_one_family_for_the_estimate_of_chance():
    frame = factorial(noise=0.05).assign(other=lambda runs: runs["score"] * 100)
    rows = table(frame, SCORE, Outcome(name="other", better="higher", margin=2.0))
    assert rows.xs("other")["low"].to_numpy() == pytest.approx(100 * rows.xs("score")["low"].to_numpy())
    by_choice, by_cell = (
        frame.pivot(index="seed", columns=columns, values="score") for columns in (["a", "cell"], ["cell", "a"])
    )
    pairs = [(by_choice, "one", "two"), *((by_cell, *pair) for pair in itertools.combinations("xyz", 2))]
    expected = infer_means([(wide[after] - wide[before]).to_numpy() for wide, before, after in pairs], SCORE.margin)
    assert rows.xs("score")["p"].tolist() == pytest.approx([each.p for each in expected])
    assert rows.xs("score")["high_90"].tolist() == pytest.approx([each.interval_90.high for each in expected])


# --- groups of runs, such as datasets ------------------------------------------------------


def two_groups(effect_on_x, effect_on_y, noise=0.003):
    """Return runs of two groups, with an effect of `a` in each; `c` makes four cells in a group."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "group": group, "a": a, "c": c, "seed": seed,
            "score": 0.4 + 0.05 * seed + effect * (a == "two") + noise * rng.normal(),
        }
        for (group, effect), a, c, seed in itertools.product(
            (("x", effect_on_x), ("y", effect_on_y)), ("one", "two"), range(4), range(3)
        )
    ]  # fmt: skip
    return pd.DataFrame(rows)


GROUPED_AXES = {"group": ["x", "y"], "a": ["one", "two"], "c": [0, 1, 2, 3]}


def tabulate_groups(frame, margin_of_y=0.02):
    """Return the effects of `a`: pooled, where `same` needs both groups, and within each group."""
    outcomes = {"x": [SCORE], "y": [Outcome(name="score", better="higher", margin=margin_of_y)]}
    choices = {"a": ["one", "two"], "c": [0, 1, 2, 3]}
    groups = effects.tabulate_effects_by_group(frame, "group", choices, outcomes, [])
    alone = effects.tabulate_effects(frame, GROUPED_AXES, [SCORE], [], conditions={"group"})
    pooled = effects.require_same_in_each_group(alone, groups, [SCORE])
    pick = [rows[rows["axis"] == "a"] for rows in (alone, pooled, groups)]
    return pick[0].iloc[0], pick[1].iloc[0], pick[2].set_index("group")


def test_opposite_effects_that_cancel_are_not_the_same():
    alone, pooled, groups = tabulate_groups(two_groups(0.05, -0.05))
    assert alone["verdict"] == "same" and abs(pooled["mean"]) < 0.01
    assert groups["verdict"].to_dict() == {"x": "better", "y": "worse"}
    assert pooled["verdict"] == "cannot tell" and pooled["p_same"] == groups["p_same"].max()


def test_what_is_the_same_in_each_group_is_the_same():
    _, pooled, groups = tabulate_groups(two_groups(0.0, 0.004))
    assert pooled["verdict"] == "same" and groups["verdict"].tolist() == ["same", "same"]


def test_a_group_where_less_is_at_stake_has_a_smaller_margin():
    _, pooled, groups = tabulate_groups(two_groups(0.0, 0.01), margin_of_y=0.005)
    assert groups["margin"].to_dict() == {"x": 0.02, "y": 0.005}
    assert groups["verdict"]["x"] == "same" != groups["verdict"]["y"] and pooled["verdict"] != "same"


def test_a_group_with_too_few_seeds_keeps_the_pool_from_being_the_same():
    frame = two_groups(0.0, 0.0)
    frame = frame[(frame["group"] == "x") | (frame["seed"] < 2)]
    groups = effects.tabulate_effects_by_group(
        frame, "group", {"a": ["one", "two"], "c": [0, 1, 2, 3]}, {"x": [SCORE], "y": [SCORE]}, []
    )
    pooled = effects.tabulate_effects(without(frame, group="y"), GROUPED_AXES, [SCORE], [])
    assert pooled[pooled["axis"] == "a"]["verdict"].tolist() == ["same"]
    required = effects.require_same_in_each_group(pooled, groups, [SCORE])
    assert required[required["axis"] == "a"]["verdict"].tolist() == ["cannot tell"]


def test_within_groups_chance_is_estimated_apart_and_the_correction_counts_all():
    frame = two_groups(0.02, 0.0, noise=0.02)
    _, _, groups = tabulate_groups(frame)
    choices = {"a": ["one", "two"], "c": [0, 1, 2, 3]}
    alone = effects.tabulate_effects(without(frame, group="y"), choices, [SCORE], [])
    assert groups.loc["x", "p"] == pytest.approx(alone.loc[0, "p"])
    everything = effects.tabulate_effects_by_group(frame, "group", choices, {"x": [SCORE], "y": [SCORE]}, [])
    assert len(everything) == 2 * (1 + 6)
    assert everything["p_holm"].min() == pytest.approx(min(1, 14 * everything["p"].min()))


def test_pairs_that_are_copies_are_counted_once_and_a_run_beside_itself_not_at_all():
    frame = factorial(seeds=1).assign(trajectory=0)  # three cells, two values of `a`
    trajectories = {
        ("x", "one"): 0,
        ("x", "two"): 1,
        ("y", "one"): 0,
        ("y", "two"): 1,
        ("z", "one"): 2,
        ("z", "two"): 2,
    }
    frame["trajectory"] = [trajectories[key] for key in zip(frame["cell"], frame["a"], strict=True)]
    row = table(frame).loc["score", "a", "one", "two"]
    assert (row["pairs"], row["distinct"]) == (3, 1)


def test_an_empty_table_has_its_columns():
    empty = pd.DataFrame({"a": [], "cell": [], "seed": [], "score": []})
    assert list(effects.tabulate_effects(empty, AXES, [SCORE], []).columns) == effects.EFFECTS_TABLE_COLUMNS
    assert effects.tabulate_interactions(empty, AXES, [SCORE]).empty


def test_a_planted_interaction_is_found_and_none_for_additive_effects():
    frame = factorial(effect=0.1)
    assert effects.tabulate_interactions(frame, AXES, [SCORE])["verdict"].tolist() == ["same", "same"]
    interacting = frame.assign(score=frame["score"] + 0.2 * ((frame["a"] == "two") & (frame["cell"] == "z")))
    rows = effects.tabulate_interactions(interacting, AXES, [SCORE]).set_index(
        ["before", "after", "with_before", "with_after"]
    )
    assert rows.loc["one", "two", "x", "z"]["mean"] == pytest.approx(0.2)
    assert (
        rows.loc["one", "two", "x", "z"]["verdict"] == "higher"
        and rows.loc["one", "two", "x", "y"]["verdict"] == "same"
    )


def test_the_largest_effect_of_an_axis_is_on_the_scale_of_the_metric():
    row_tuples = [("score", "a", -0.3), ("score", "a", 0.1), ("time", "a", 0.5), ("time", "a", 1.8)]
    rows = pd.DataFrame(row_tuples, columns=["metric", "axis", "mean"])
    assert effects.find_largest_effect(rows, "a", Outcome(name="score", better="higher", margin=0.02)) == pytest.approx(
        0.3
    )
    assert effects.find_largest_effect(
        rows, "a", Outcome(name="time", better="lower", margin=1.1, ratio=True)
    ) == pytest.approx(math.log(2))
    assert effects.find_largest_effect(rows, "b", Outcome(name="score", better="higher", margin=0.02)) == 0


# --- interactions --------------------------------------------------------------------------


CROSSED_AXES = {"a": ["one", "two"], "b": [5, None, 7], "c": ["x", "y"]}


def make_crossed_frame(noise=0.001, seeds=3):
    """Return runs in which swapping `a` adds 0.1, and another 0.2 at b = 7; `c` has no effect."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "a": a,
            "b": b,
            "c": c,
            "seed": seed,
            "score": 0.3 + (a == "two") * (0.1 + 0.2 * (b == 7)) + noise * rng.normal(),
        }
        for a, b, c, seed in itertools.product(*CROSSED_AXES.values(), range(seeds))
    ]
    return pd.DataFrame(rows)


def test_the_strongest_interaction_of_each_pair_of_axes_is_listed_significant_ones_first():
    frame = make_crossed_frame()
    rows = find_strongest_interactions(effects.tabulate_interactions(frame, CROSSED_AXES, [SCORE]), SCORE)
    assert rows[["axis", "with_axis"]].to_numpy().tolist()[0] == ["a", "b"] and len(rows) == 3
    first = rows.iloc[0]
    assert (first["with_after"], first["verdict"]) == (7, "higher") and first["mean"] == pytest.approx(0.2, abs=0.01)


def test_ratios_below_and_above_1_are_ordered_by_their_logarithm():
    row_dicts = [
        {"metric": "score", "axis": "a", "with_axis": other, "mean": mean, "verdict": "cannot tell"}
        for other, mean in (("b", 1.5), ("c", 0.5))
    ]
    rows = find_strongest_interactions(
        pd.DataFrame(row_dicts), Outcome(name="score", better="lower", margin=1.1, ratio=True)
    )
    assert rows["with_axis"].tolist() == ["c", "b"]


def test_the_effect_of_a_swap_at_each_value_of_another_axis():
    rows = tabulate_effects_by_value(make_crossed_frame(), CROSSED_AXES, ("a", "one", "two"), "b", SCORE)
    assert rows["value"].tolist() == [5, None, 7]
    assert rows["mean"].tolist() == pytest.approx([0.1, 0.1, 0.3], abs=0.01)
    assert (rows["low"] < rows["mean"]).all() and rows["cells"].eq(2).all() and rows["seeds"].eq(3).all()


def test_values_without_both_sides_are_left_out_and_all_use_the_same_cells():
    frame = make_crossed_frame()
    frame = frame[~((frame["a"] == "two") & frame["b"].isna()) & ~((frame["b"] == 7) & (frame["c"] == "y"))]
    rows = tabulate_effects_by_value(frame, CROSSED_AXES, ("a", "one", "two"), "b", SCORE)
    assert rows["value"].tolist() == [5, 7] and rows["cells"].eq(1).all()
    assert tabulate_effects_by_value(frame.iloc[:0], CROSSED_AXES, ("a", "one", "two"), "b", SCORE).empty
