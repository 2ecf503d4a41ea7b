import math

import pandas as pd
import pytest

from dcbench.analysis.statistics.stability import estimate_unsettled_share, find_settling_epochs, median_settling_epoch


def rows(**curves):
    """Rows of runs from their nmi_previous after each epoch; row 0 has none."""
    return pd.DataFrame(
        [
            {"run_id": run, "epoch": epoch, "nmi_previous": value}
            for run, curve in curves.items()
            for epoch, value in enumerate([None, *curve])
        ]
    )


@pytest.mark.parametrize(
    ("curve", "epochs", "reached"),
    [
        ([0.5, 0.95, 0.95, 0.95], 2, True),
        ([0.95, 0.95, 0.5, 0.95], 4, False),
        ([0.95, 0.5, 0.95, 0.95], 3, True),
        ([0.95, 0.95, 0.95, 0.95], 1, True),
        ([0.1, 0.1, 0.1, 0.1], 4, False),
        ([0.95, 0.95, None, None], 4, False),
        ([0.95], 1, False),
    ],
)
def test_the_epoch_after_which_the_stability_stays_above_the_level(curve, epochs, reached):
    table = find_settling_epochs(rows(a=curve), 0.9)
    assert table[["epochs_watched", "reached"]].to_numpy().tolist() == [[epochs, reached]]


def test_the_level_can_be_given():
    assert find_settling_epochs(rows(a=[0.5, 0.6, 0.7]), 0.6)["epochs_watched"].tolist() == [2]


def test_the_kaplan_meier_estimate_agrees_with_a_manual_computation():
    settling = pd.DataFrame({"epochs_watched": [1, 2, 2, 5, 5], "reached": [True, True, False, True, False]})
    table = estimate_unsettled_share(settling)
    assert table["epoch"].tolist() == [0, 1, 2, 5]
    assert table["share"].tolist() == pytest.approx([1, 0.8, 0.8 * 3 / 4, 0.8 * 3 / 4 / 2])
    assert median_settling_epoch(settling) == 5


def test_without_half_of_the_runs_there_is_no_median():
    assert math.isnan(
        median_settling_epoch(pd.DataFrame({"epochs_watched": [3, 3, 3], "reached": [True, False, False]}))
    )
    assert math.isnan(median_settling_epoch(pd.DataFrame({"epochs_watched": [], "reached": []})))
