import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.ranks import (
    compute_critical_difference,
    compute_friedman_p,
    find_cliques,
    find_pareto_front,
    rank_axes,
)

SCORE = Outcome(name="score", better="higher", margin=0.02)


def frame(blocks=12, better=(0.0, 0.1, 0.2), noise=0.01, seeds=2):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {"a": name, "cell": cell, "seed": seed, "score": 0.3 + gain + noise * rng.normal()}
            for cell in range(blocks)
            for seed in range(seeds)
            for name, gain in zip("xyz", better, strict=True)
        ]
    )


def rank(runs):
    axes = {"a": ["x", "y", "z"], "cell": sorted(set(runs["cell"]))}
    return next(candidate for candidate in rank_axes(runs, axes, [SCORE]) if candidate.axis == "a")


def test_the_best_value_ranks_first_and_differs_critically():
    ranking = rank(frame(blocks=2, seeds=12))
    assert ranking.ranks == {"x": 3.0, "y": 2.0, "z": 1.0} and ranking.missing_reason == ""
    assert (ranking.unit, ranking.blocks) == ("seed", 12)
    assert ranking.p < 1e-6 and ranking.critical < 1 and ranking.cliques == []


def test_a_metric_without_a_direction_has_no_ranking():
    axes = {"a": ["x", "y", "z"]}
    assert rank_axes(frame(), axes, [SCORE], {("a", "score")}) == [] != rank_axes(frame(), axes, [SCORE])


def test_few_seeds_give_ranks_and_a_reason_instead_of_a_difference():
    ranking = rank(frame(blocks=12, seeds=9))
    assert (ranking.unit, ranking.blocks) == ("cell", 12)
    assert ranking.ranks["z"] == 1.0 and math.isnan(ranking.critical) and math.isnan(ranking.p)
    assert ranking.missing_reason == "9 seeds; a critical difference needs 10"


def test_what_one_seed_does_to_all_its_cells_is_no_difference():
    rng, significant = np.random.default_rng(0), 0
    for _ in range(200):
        runs = frame(blocks=16, better=(0, 0, 0), seeds=10)
        shifts = rng.normal(size=(10, 3))  # the same in all 16 cells of a seed, and larger than all else
        runs["score"] += [shifts[seed, "xyz".index(value)] for seed, value in zip(runs["seed"], runs["a"], strict=True)]
        significant += rank(runs).p < 0.05
    assert significant < 0.1 * 200, "by cells, nearly all 200 would be"


def test_equal_values_do_not_differ():
    ranking = rank(frame(better=(0, 0, 0), noise=1.0, seeds=12))
    assert "does not tell the values apart" in ranking.missing_reason and ranking.cliques == []


def test_the_direction_of_the_metric_decides_the_ranks():
    runs, axes = frame(), {"a": ["x", "y", "z"], "cell": list(range(12))}
    assert rank_axes(runs, axes, [Outcome(name="score", better="lower", margin=0.02)])[0].ranks["x"] == 1.0
    assert rank_axes(runs, axes, [Outcome(name="score", better=None, margin=0.02)]) == []
    assert rank_axes(runs.query("a != 'z'"), {"a": ["x", "y"], "cell": [0]}, [SCORE]) == []


def test_the_friedman_test_agrees_with_scipy_after_iman_and_davenport():
    ranked = stats.rankdata(np.random.default_rng(2).normal(size=(15, 4)), axis=1)
    chi = stats.friedmanchisquare(*ranked.T).statistic
    assert compute_friedman_p(ranked) == pytest.approx(stats.f.sf(14 * chi / (15 * 3 - chi), 3, 42))
    assert compute_friedman_p(np.tile([1.0, 2.0, 3.0], (10, 1))) == 0.0


def test_the_critical_difference_agrees_with_table_5_of_demsar():
    for values, quantile in ((3, 2.343), (5, 2.728), (10, 3.164)):
        assert compute_critical_difference(values, 30) == pytest.approx(
            quantile * math.sqrt(values * (values + 1) / 180), abs=2e-3
        )


def test_cliques_are_the_largest_sets_that_do_not_differ():
    assert find_cliques({"a": 1.0, "b": 1.5, "c": 2.4, "d": 4.0}, 1.0) == [("a", "b"), ("b", "c")]
    assert find_cliques({"a": 1.0, "b": 1.5, "c": 1.9}, 1.0) == [("a", "b", "c")]


# --- the Pareto front ----------------------------------------------------------------------


def on(cost, quality):
    return find_pareto_front(np.array(cost, dtype=float), np.array(quality, dtype=float)).tolist()


def test_a_point_is_on_the_front_when_no_other_is_cheaper_and_as_good():
    assert on([1, 2, 3, 4], [0.5, 0.4, 0.7, 0.7]) == [True, False, True, False]


def test_of_points_of_equal_cost_the_best_are_on_the_front():
    assert on([1, 1, 2, 2], [0.5, 0.6, 0.8, 0.8]) == [False, True, True, True]


def test_points_without_a_value_are_not_on_the_front():
    assert on([1, np.nan, 3], [np.nan, 0.9, 0.1]) == [False, False, True] and on([], []) == []
