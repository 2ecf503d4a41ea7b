import pandas as pd
import pytest

from dcbench.analysis.statistics.cells import average_cells, count_states, summarise_cells
from dcbench.analysis.statistics.finals import reduce_curves
from tests.helpers.factorials import factorial, without

ROWS = pd.DataFrame(
    {
        "run_id": ["a"] * 3 + ["b"] * 3,
        "epoch": [0, 1, 2] * 2,
        "nmi_true": [0.5, 0.9, 0.4, 0.2, 0.3, 0.6],
        "loss": [None, 2.0, 1.0, None, 3.0, 2.0],
        "k": [5] * 6,
    }
)
PLANNED = pd.DataFrame({"run_id": ["a", "b", "c", "d"], "k": [5, 5, 5, 6]})


def test_the_summary_counts_done_and_planned_runs():
    table = summarise_cells(reduce_curves(ROWS), PLANNED, ["k"], ["nmi_true"]).set_index("k")
    assert table[["planned", "done"]].to_numpy().tolist() == [[3, 2], [1, 0]]
    assert table.loc[5, ["nmi_true", "nmi_true_low", "nmi_true_high"]].tolist() == pytest.approx([0.5, 0.4, 0.6])
    assert table.loc[6, "nmi_true":].isna().all()


def test_a_metric_that_a_run_lacks_has_no_mean():
    finals = reduce_curves(ROWS).assign(nmi_previous=[0.7, None])
    table = summarise_cells(finals, PLANNED, ["k"], ["nmi_previous", "nmi_true"])
    assert table.loc[0, ["nmi_previous", "nmi_previous_low", "nmi_previous_high"]].isna().all()
    assert table.loc[0, "nmi_true"] == pytest.approx(0.5)


def test_the_summary_keeps_cells_with_the_value_none():
    planned = PLANNED.assign(limit=[None, None, 10, 10])
    finals = reduce_curves(ROWS).assign(limit=[None, None])
    table = summarise_cells(finals, planned, ["limit"], ["nmi_true"])
    assert table["done"].tolist() == [2, 0]


def test_a_matrix_without_axes_has_one_row():
    table = summarise_cells(reduce_curves(ROWS), PLANNED, [], ["nmi_true"])
    assert len(table) == 1 and table["done"][0] == 2 and table["planned"][0] == 4


def test_means_over_other_axes_use_cells_that_all_values_have():
    frame = without(factorial(), cell="x", a="one", seed=0)
    table = average_cells(frame, ["a"], ["cell"], "score")
    means = table.set_index("a")["score"]
    assert means["two"] - means["one"] == pytest.approx(0.1)
    assert table["cells"].eq(2).all() and table["seeds"].eq(3).all() and table["left_out"].eq(2).all()
    both = average_cells(factorial(), ["a", "cell"], [], "score")
    assert len(both) == 6 and both["score"].iloc[0] == pytest.approx(0.55)


def test_runs_are_counted_by_state_including_those_without_one():
    assert count_states(pd.Series(["a", "b", "a", None]), ["a", "b", "c"]) == [2, 1, 0, 1]
