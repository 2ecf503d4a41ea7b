import itertools

import numpy as np
import pandas as pd
import pytest

from dcbench.analysis.statistics import effects
from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.interactions import by_value, strongest

SCORE = Outcome("score", "higher", 0.02)
AXES = {"a": ["one", "two"], "b": [5, None, 7], "c": ["x", "y"]}


def crossed(noise=0.001, seeds=3):
    """The swap of `a` brings .1, at b = 7 another .2; `c` does nothing."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "a": a,
            "b": b,
            "c": c,
            "seed": seed,
            "score": 0.3 + (a == "two") * (0.1 + 0.2 * (b == 7)) + noise * rng.normal(),
        }
        for a, b, c, seed in itertools.product(*AXES.values(), range(seeds))
    ]
    return pd.DataFrame(rows)


def test_the_strongest_of_each_two_axes_come_with_a_verdict_first():
    frame = crossed()
    told = strongest(effects.interactions(frame, AXES, [SCORE]), SCORE)
    assert told[["axis", "with_axis"]].to_numpy().tolist()[0] == ["a", "b"] and len(told) == 3
    first = told.iloc[0]
    assert (first["with_after"], first["verdict"]) == (7, "higher") and first["mean"] == pytest.approx(0.2, abs=0.01)


def test_ratios_are_strong_both_ways():
    lines = [
        {"metric": "score", "axis": "a", "with_axis": other, "mean": mean, "verdict": "cannot tell"}
        for other, mean in (("b", 1.5), ("c", 0.5))
    ]
    told = strongest(pd.DataFrame(lines), Outcome("score", "lower", 1.1, ratio=True))
    assert told["with_axis"].tolist() == ["c", "b"]


def test_the_effect_of_a_swap_at_each_value_of_another_axis():
    told = by_value(crossed(), AXES, ("a", "one", "two"), "b", SCORE)
    assert told["value"].tolist() == [5, None, 7]
    assert told["mean"].tolist() == pytest.approx([0.1, 0.1, 0.3], abs=0.01)
    assert (told["low"] < told["mean"]).all() and told["cells"].eq(2).all() and told["seeds"].eq(3).all()


def test_values_that_lack_a_side_are_left_out_and_all_stand_on_the_same_cells():
    frame = crossed()
    frame = frame[~((frame["a"] == "two") & frame["b"].isna()) & ~((frame["b"] == 7) & (frame["c"] == "y"))]
    told = by_value(frame, AXES, ("a", "one", "two"), "b", SCORE)
    assert told["value"].tolist() == [5, 7] and told["cells"].eq(1).all()
    assert by_value(frame.iloc[:0], AXES, ("a", "one", "two"), "b", SCORE).empty
