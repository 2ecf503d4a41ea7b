import numpy as np

from dcbench.analysis.statistics.pareto import front


def on(cost, quality):
    return front(np.array(cost, dtype=float), np.array(quality, dtype=float)).tolist()


def test_a_point_is_on_the_front_when_none_is_cheaper_and_as_good():
    assert on([1, 2, 3, 4], [0.5, 0.4, 0.7, 0.7]) == [True, False, True, False]


def test_of_equal_cost_the_better_and_equal_points_together():
    assert on([1, 1, 2, 2], [0.5, 0.6, 0.8, 0.8]) == [False, True, True, True]


def test_points_without_a_number_are_not_on_it():
    assert on([1, np.nan, 3], [np.nan, 0.9, 0.1]) == [False, False, True] and on([], []) == []
