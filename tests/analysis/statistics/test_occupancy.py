import pandas as pd

from dcbench.analysis.statistics.occupancy import ended, filled_share


def test_refilled_clusters_were_empty_and_what_is_not_told_stays_empty():
    told = filled_share(pd.DataFrame({"k": [10, 10, 4], "refilled_clusters": [0, 3, None]}))
    assert told[:2].tolist() == [1.0, 0.7] and pd.isna(told[2])


def test_runs_are_counted_by_how_they_ended_and_those_without_an_end_as_well():
    assert ended(pd.Series(["a", "b", "a", None]), ["a", "b", "c"]) == [2, 1, 0, 1]
