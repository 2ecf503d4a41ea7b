import numpy as np
import pandas as pd
import pytest

from dcbench.analysis import parallel
from dcbench.analysis.results import read_results
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.run_state import RunState
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import TEXT, fill


def test_results_have_a_row_for_each_run_and_epoch_with_every_field(folder):
    results = read_results(folder)
    assert len(results.runs) == 8 and len(results.rows) == 24 and results.notes == []
    assert results.varied == {"optimizer": ["sgd", "adam"], "k": [5, 6], "limit": [None, 500]}
    assert {"run_id", "state", "seed", "backend", "dataset", "nmi_true", "epoch"} <= set(results.rows.columns)
    assert np.isnan(results.rows.loc[results.rows["epoch"] == 0, "loss"]).all()


def test_unfinished_runs_are_listed_without_rows(folder):
    plan = plan_of(TEXT)
    folder.run_dir(plan.run_ids[0]).write_state(RunState(name="failed", kind="nan", reason="the loss became nan"))
    folder.run_dir(plan.run_ids[1]).state_file.unlink()
    results = read_results(folder)
    assert results.runs["state"].tolist()[:3] == ["failed", "pending", "done"]
    assert results.runs["kind"][0] == "nan" and len(results.rows) == 18


def test_a_truncated_run_is_failed_and_has_no_rows(folder):
    plan = plan_of(TEXT)
    torn = folder.run_dir(plan.run_ids[0])
    torn.metrics_file.write_text(torn.metrics_file.read_text()[:-20])
    results = read_results(folder)
    assert results.runs["state"][0] == "failed" and "holds 2 of 3 rows" in results.runs["reason"][0]
    assert len(results.rows) == 21
    plan_state = status.read_planned_runs(plan, folder)[0].state
    assert plan_state.name == "failed", "the ledger says the same"


def test_an_incomplete_extra_line_is_a_note(folder):
    run = folder.run_dir(plan_of(TEXT).run_ids[0])
    run.metrics_file.write_text(run.metrics_file.read_text() + "3,1,0.")
    results = read_results(folder)
    assert ["incomplete" in note for note in results.notes] == [True] and len(results.rows) == 24


@pytest.mark.parametrize(
    "text",
    [
        "",
        "epoch\n",
        "nonsense\n1\n",
        "epoch,loss\n0,x\n",
        "\x00\x01",
        "epoch,loss\n0,1,2,3\n1\n",
        "epoch\n0\n2\n1\n",
        "epoch,loss\n0,x\n1,y\n2,z\n",
    ],
)
def test_a_damaged_metrics_file_fails_only_its_run(folder, text):
    plan = plan_of(TEXT)
    folder.run_dir(plan.run_ids[3]).metrics_file.write_text(text)
    results = read_results(folder)
    assert results.runs["state"].tolist() == ["done"] * 3 + ["failed"] + ["done"] * 4
    assert "metrics.csv" in results.runs["reason"][3] and "run" in results.runs["reason"][3]
    assert len(results.rows) == 21


def test_runs_no_longer_planned_are_left_out_and_counted(folder):
    status.store_plan(plan_of(TEXT.replace("[5, 6]", "[5, 7]")), folder)
    results = read_results(folder)
    assert len(results.rows) == 12 and results.runs["state"].value_counts().to_dict() == {"done": 4, "pending": 4}
    assert any("4 runs that the matrix no longer plans" in note for note in results.notes)


def test_without_a_finished_run_the_frame_is_empty_with_all_columns(tmp_path):
    folder = MatrixDir(tmp_path / "m")
    status.store_plan(plan_of(TEXT), folder)
    results = read_results(folder)
    assert results.rows.empty and {"nmi_true", "epoch", "optimizer"} <= set(results.rows.columns)
    assert isinstance(results.rows, pd.DataFrame)


@pytest.mark.parametrize(
    ("facts", "timing"),
    [
        ({}, "not recorded"), ({"shared_with": None}, "not recorded"),
        ({"shared_with": []}, "exclusive"), ({"shared_with": ["a"]}, "shared"),
        ({"shared_with": [], "earlier_attempts": [{"shared_with": ["a"]}]}, "shared"),
        ({"shared_with": [], "earlier_attempts": [{}]}, "not recorded"),
    ],
)  # fmt: skip
def test_timing_is_shared_if_any_attempt_shared_the_device(folder, facts, timing):
    run = next(folder.run_dir(path.parent.name) for path in sorted(folder.path.glob("*/spec.yaml")))
    run.write_provenance(facts)
    results = read_results(folder)
    assert dict(zip(results.runs["run_id"], results.runs["timing"], strict=True))[run.path.name] == timing
    run.provenance_file.write_text("{")
    assert "not recorded" in set(read_results(folder).runs["timing"])


# --- many runs ------------------------------------------------------------------------------


def test_several_processes_read_the_same_as_one(folder, monkeypatch):
    broken = folder.run_dir(plan_of(TEXT).run_ids[3]).metrics_file
    broken.write_text(broken.read_text().replace("0.5", "x"))
    alone = read_results(folder)
    monkeypatch.setattr(parallel, "MIN_PARALLEL_ROWS", 0)
    monkeypatch.setattr(parallel, "CHUNK_SIZE", 3)
    together = read_results(folder)
    assert together.notes == alone.notes and len(alone.notes) == 1
    for name in ("runs", "rows", "baselines", "chance", "parity"):
        pd.testing.assert_frame_equal(getattr(together, name), getattr(alone, name))


def test_text_columns_are_categories_in_the_order_of_the_plan(folder):
    rows = read_results(folder).rows
    assert list(rows["optimizer"].cat.categories) == ["sgd", "adam"]
    assert rows["limit"].dtype == rows["test_limit"].dtype == float and rows["k"].dtype == int
    assert not [name for name in rows if rows[name].dtype == object]


def test_baselines_have_their_state_and_last_row(tmp_path):
    plan = plan_of("name: m\nbaselines: [pixels]\nsettings: {dataset: mnist, epochs: 2, limit: 500}\n")
    folder = MatrixDir(tmp_path / "m")
    status.store_plan(plan, folder)
    fill(folder, plan.runs[0].run_id, plan.runs[0])
    first, *others = plan.baselines
    fill(folder, first.run_id, first, epochs=0, nmi=0.25)
    results = read_results(folder)
    assert len(results.rows) == 3 and len(results.baselines) == 1 + len(others) > 1
    assert results.baselines["run_id"].tolist() == [spec.run_id for spec in plan.baselines]
    assert results.baselines["state"].tolist() == ["done", *["pending"] * len(others)]
    assert results.baselines["nmi_true"].tolist()[0] == 0.25 and results.baselines["nmi_true"][1:].isna().all()


def test_baselines_without_a_finished_run_have_no_numbers(tmp_path):
    plan = plan_of("name: m\nbaselines: [pixels]\nsettings: {dataset: mnist, epochs: 2, limit: 500}\n")
    status.store_plan(plan, MatrixDir(tmp_path / "m"))
    results = read_results(MatrixDir(tmp_path / "m"))
    assert len(results.baselines) == len(plan.baselines) and results.baselines["nmi_true"].isna().all()
    assert set(results.baselines["state"]) == {"pending"} and results.rows.empty
