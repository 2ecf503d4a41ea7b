import pandas as pd
import pytest

from dcbench import statistics

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


def test_final_is_the_last_row_with_its_gain_over_the_same_runs_row_0():
    finals = statistics.final(ROWS.sample(frac=1, random_state=0)).set_index("run_id")
    assert finals["nmi_true"].to_dict() == {"a": 0.4, "b": 0.6}
    assert finals[statistics.GAIN].to_dict() == pytest.approx({"a": -0.1, "b": 0.4})


def test_over_seeds_counts_what_is_done_of_what_is_planned():
    table = statistics.over_seeds(statistics.final(ROWS), PLANNED, ["k"], ["nmi_true"]).set_index("k")
    assert table[["planned", "done"]].to_numpy().tolist() == [[3, 2], [1, 0]]
    assert table.loc[5, ["nmi_true", "nmi_true_low", "nmi_true_high"]].tolist() == pytest.approx([0.5, 0.4, 0.6])
    assert table.loc[6, "nmi_true":].isna().all()


def test_a_metric_that_one_run_lacks_has_no_mean():
    finals = statistics.final(ROWS).assign(nmi_previous=[0.7, None])
    table = statistics.over_seeds(finals, PLANNED, ["k"], ["nmi_previous", "nmi_true"])
    assert table.loc[0, ["nmi_previous", "nmi_previous_low", "nmi_previous_high"]].isna().all()
    assert table.loc[0, "nmi_true"] == pytest.approx(0.5)


def test_a_stage_is_timed_over_the_epochs_that_have_it_by_the_library_that_did_it():
    base = {"dataset": "mnist", "arch": "alexnet", "backend": "faiss+torch+faiss", "pca_backend": "faiss"}
    base["timing"] = "shared"
    rows = pd.DataFrame([{"run_id": "a", "seconds_pca": value, **base} for value in (1.0, 3.0, None)])
    assert statistics.stage_seconds(rows, "pca")[["library", "seconds"]].to_numpy().tolist() == [["faiss", 2.0]]
    trained = rows.rename(columns={"seconds_pca": "seconds_train"})
    assert statistics.stage_seconds(trained, "train")["library"].tolist() == ["faiss+torch+faiss"]


def test_over_seeds_keeps_cells_whose_value_is_none():
    planned = PLANNED.assign(limit=[None, None, 10, 10])
    finals = statistics.final(ROWS).assign(limit=[None, None])
    table = statistics.over_seeds(finals, planned, ["limit"], ["nmi_true"])
    assert table["done"].tolist() == [2, 0]


def test_a_matrix_without_axes_is_one_line():
    table = statistics.over_seeds(statistics.final(ROWS), PLANNED, [], ["nmi_true"])
    assert len(table) == 1 and table["done"][0] == 2 and table["planned"][0] == 4


def test_common_epochs_ends_where_the_shortest_run_ends_and_skips_what_is_absent():
    more = pd.concat([ROWS, pd.DataFrame({"run_id": ["a"], "epoch": [3], "nmi_true": [1.0], "loss": [0.5]})])
    assert statistics.common_epochs(more, "nmi_true").to_dict() == pytest.approx({0: 0.35, 1: 0.6, 2: 0.5})
    assert statistics.common_epochs(more, "loss").to_dict() == pytest.approx({1: 2.5, 2: 1.5})
