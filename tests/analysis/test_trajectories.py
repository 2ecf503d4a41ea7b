"""Copies of a run are those whose rows are the same to the last digit."""

import numpy as np
import pandas as pd

from dcbench.analysis.trajectories import TRACES, number_trajectories


def rows_of(**runs):
    """Return rows in which every trace of a run has the given values, one for each epoch."""
    return pd.DataFrame(
        [
            {"run_id": name, "epoch": epoch} | dict.fromkeys(TRACES, value)
            for name, values in runs.items()
            for epoch, value in enumerate(values)
        ]
    )


def test_equal_rows_are_one_trajectory_whatever_their_order():
    rows = rows_of(a=[np.nan, 0.5, 0.25], b=[np.nan, 0.5, 0.25], c=[np.nan, 0.25, 0.5])
    numbers = number_trajectories(rows.sample(frac=1, random_state=0))
    assert numbers["a"] == numbers["b"] != numbers["c"]


def test_the_last_digit_of_one_row_makes_another_trajectory():
    numbers = number_trajectories(rows_of(a=[0.1, 0.5], b=[0.1, np.nextafter(0.5, 1)], c=[0.1]))
    assert numbers.nunique() == 3
