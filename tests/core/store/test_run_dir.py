import errno
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest

from dcbench import registry
from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.run_state import LAST_LINES, RunState
from dcbench.errors import ResultsError

SPEC = make_spec({"k": 5})


@pytest.fixture
def run(tmp_path):
    folder = RunDir(tmp_path / SPEC.run_id)
    folder.prepare(SPEC)
    return folder


def test_the_spec_is_read_as_it_was_written(run):
    assert run.read_spec() == SPEC


def test_preparing_a_run_twice_keeps_the_spec_file(run):
    before = run.spec_file.stat().st_mtime_ns
    run.prepare(SPEC)
    assert run.spec_file.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (make_spec({"k": 6}).to_text(), "describes run digits-"),
        (SPEC.to_text() + "new_field: 3\n", "unknown field 'new_field'"),
        (SPEC.to_text()[:40], "describes run|not a run spec|not valid|unknown"),
        ("", "not a run spec"),
        ("k: [", "not valid YAML"),
    ],
)
def test_a_spec_of_another_run_is_refused_and_not_changed(run, text, expected):
    run.spec_file.write_text(text)
    with pytest.raises(ResultsError, match=expected) as caught:
        run.prepare(SPEC)
    assert str(run.spec_file) in str(caught.value)
    assert run.spec_file.read_text() == text
    state = run.read_planned_state(SPEC)
    assert (state.name, state.kind) == ("failed", "error")


def test_the_order_of_the_lines_of_a_spec_does_not_matter(run):
    lines = SPEC.to_text().splitlines(keepends=True)
    run.spec_file.write_text("# a comment\n" + "".join(reversed(lines)))
    run.prepare(SPEC)
    assert run.read_planned_state(SPEC).name == "pending"


def test_states_are_read_as_they_were_written(run):
    assert run.read_state() == RunState()
    state = RunState(
        name="failed", kind="nan", reason="loss", seconds=3.5, started="2026-01-01T00:00:00+00:00", host="host", pid=12
    )
    run.write_state(state)
    assert run.read_state() == state


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"name": "do',
        '{"name": "finished"}',
        '{"nam": "done"}',
        "[]",
        "3",
        "null",
        '{"reason": 5}',
        '{"kind": "x"}',
    ],
)
def test_a_damaged_state_is_failed_with_the_kind_lost(run, text):
    run.state_file.write_text(text)
    state = run.read_state()
    assert (state.name, state.kind) == ("failed", "lost")
    assert "state.json" in state.reason


def test_a_binary_state_has_the_kind_lost(run):
    run.state_file.write_bytes(b"\xff\xfe")
    assert run.read_state().kind == "lost"


def test_a_folder_without_a_spec_but_with_a_state_is_an_error(run):
    run.write_state(RunState(name="done"))
    run.spec_file.unlink()
    assert "spec.yaml: is missing" in run.read_planned_state(SPEC).reason


def test_a_running_state_without_a_claim_is_lost(run):
    run.write_state(RunState(name="running", host="here", pid=99))
    assert (run.read_state().name, run.read_state().kind) == ("failed", "lost")
    with run.claim():
        assert run.read_state().name == "running"
    assert "on here (pid 99) exited without recording a result" in run.read_state().reason


def test_metrics_are_appended_and_missing_values_are_empty(run):
    run.append_metrics({"epoch": 0, "nmi_true": 0.5, "loss": None})
    run.append_metrics({"epoch": 1, "nmi_true": 1 / 3, "loss": 0.0})
    text, warning = run.read_metrics_text()
    lines = [line.split(",") for line in text.splitlines()]
    column = {name: index for index, name in enumerate(lines[0])}
    assert warning is None
    assert lines[1][column["loss"]] == "" and lines[2][column["loss"]] == "0.0"
    assert float(lines[2][column["nmi_true"]]) == 1 / 3, "values are not rounded"
    assert run.count_epochs_done() == 1


def test_an_unknown_column_raises_a_key_error(run):
    with pytest.raises(KeyError, match=r"columns\.py"):
        run.append_metrics({"epoch": 0, "nmi": 0.5})


def test_read_columns_gives_the_cells_of_complete_rows(run):
    assert list(run.read_columns(["purity", "epoch"])) == []
    run.metrics_file.write_text("epoch,loss,purity\n0,,0.5\n1,2.0\n2,")
    assert list(run.read_columns(["purity", "epoch", "ari_true"])) == [("0.5", "0", ""), ("", "1", "")]


def test_an_incomplete_last_line_is_dropped_with_a_warning(run):
    run.append_metrics({"epoch": 0})
    whole = run.metrics_file.read_text()
    run.metrics_file.write_text(whole + "1,0,0.3")
    text, warning = run.read_metrics_text()
    assert text == whole
    assert "incomplete" in warning and str(run.metrics_file) in warning


def test_clear_keeps_spec_log_checkpoint_and_rows_and_clear_rows_keeps_spec_and_log(run):
    run.append_metrics({"epoch": 0})
    run.append_log("a line")
    run.write_state(RunState(name="done"))
    (run.path / ".state.json.abc").write_text("left by a crash")
    with run.open_checkpoint() as file:
        file.write(b"weights")
    run.clear()
    assert {path.name for path in run.path.iterdir()} == {"spec.yaml", "log.txt", "metrics.csv", "checkpoint.pt"}
    run.clear_rows()
    assert {path.name for path in run.path.iterdir()} == {"spec.yaml", "log.txt"}


def test_a_matrix_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResultsError, match="--results"):
        MatrixDir(tmp_path / "file" / "m").write_matrix("name: m\n")


def test_state_json_is_plain_json(run):
    run.write_state(RunState(name="done", seconds=1.5))
    assert json.loads(run.state_file.read_text())["name"] == "done"


def test_a_done_run_with_missing_rows_is_not_done(run):
    run.write_state(RunState(name="done"))
    assert "holds 0 of 101 rows" in run.read_planned_state(SPEC).reason
    for epoch in range(101):
        run.append_metrics({"epoch": epoch})
    assert run.read_planned_state(SPEC).name == "done"


def test_a_run_that_ends_while_its_state_is_read_is_not_lost(run, monkeypatch):
    run.write_state(RunState(name="running"))

    def ends_now(self):
        self.write_state(RunState(name="done"))
        return False

    monkeypatch.setattr(RunDir, "is_claimed", ends_now)
    assert run.read_state().name == "done"


def test_clear_removes_the_state_first(run, monkeypatch):
    run.append_metrics({"epoch": 0})
    run.write_state(RunState(name="done"))
    removed = []
    monkeypatch.setattr(type(run.path), "unlink", lambda path, missing_ok=False: removed.append(path.name))
    run.clear()
    assert removed[0] == "state.json"


@pytest.mark.parametrize("name", ["spec_file", "metrics_file", "state_file"])
def test_a_directory_in_place_of_a_file_is_an_error(run, name):
    run.write_state(RunState(name="done"))
    path = getattr(run, name)
    path.unlink(missing_ok=True)
    path.mkdir()
    state = run.read_planned_state(SPEC)
    assert state.name == "failed" and path.name in state.reason


@pytest.mark.parametrize("text", ["1: 2\n", "true: 1\n", "optimizer: [1]\n", "k: !!int a\n"])
def test_nonsense_in_a_spec_is_a_results_error(run, text):
    run.spec_file.write_text(text)
    with pytest.raises(ResultsError):
        run.read_spec()


def test_writing_the_same_matrix_again_reports_a_read_only_folder(tmp_path, monkeypatch):
    folder = MatrixDir(tmp_path / "m")
    folder.write_matrix("name: m\n")

    def read_only(*_, **__):
        raise OSError(30, "Read-only file system", str(folder.path))

    monkeypatch.setattr("dcbench.core.store.files.tempfile.mkstemp", read_only)
    with pytest.raises(ResultsError, match=r"Read-only file system.*--results"):
        folder.write_matrix("name: m\n")


def test_provenance_is_read_is_empty_when_missing_and_an_error_when_damaged(run):
    assert run.read_provenance() == {}
    run.write_provenance({"threads": 2})
    assert run.read_provenance() == {"threads": 2}
    for torn in ('{"threads"', "", "[]", "\xff"):
        run.provenance_file.write_text(torn, encoding="latin-1")
        with pytest.raises(ResultsError, match=r"provenance\.json: is damaged"):
            run.read_provenance()


def test_assignments_that_are_not_integers_of_one_length_are_an_error(run):
    assert run.read_assignments("assignment") is None
    for arrays, whole in (
        ({"assignment": [0, 1], "labels": [2, 3]}, True),
        ({"assignment": [0, 1], "labels": [2]}, False),
        ({"assignment": [0.5, 1.0], "labels": [2, 3]}, False),
        ({"labels": [2, 3]}, False),
    ):
        np.savez(run.assignments_file, **{name: np.array(values) for name, values in arrays.items()})
        if whole:
            assert run.read_assignments("labels", "assignment")["labels"].tolist() == [2, 3]
            assert set(run.read_assignments("assignment")) == {"assignment"}
        else:
            with pytest.raises(ResultsError, match=r"assignments\.npz: is damaged"):
                run.read_assignments("assignment", "labels")


def test_predictions_are_every_array_of_the_file_as_it_is_stored(run):
    assert run.read_predictions() is None
    np.savez(run.assignments_file, own=np.ones((2, 3), np.int8), labels=np.arange(3))
    arrays = run.read_predictions()
    assert {name: (array.shape, array.dtype) for name, array in arrays.items()} == {
        "own": ((2, 3), np.int8), "labels": ((3,), np.int64),
    }  # fmt: skip
    np.savez(run.assignments_file, own=np.ones((2, 3)))
    with pytest.raises(ResultsError, match=r"assignments\.npz: is damaged: array 'own' is not of integers; restore it"):
        run.read_predictions()


def test_on_a_full_disk_a_shortened_state_overwrites_the_old_one(run, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    run.write_state(RunState(name="running", pid=7))
    monkeypatch.setattr("dcbench.core.store.files.tempfile.mkstemp", full)
    run.write_state(RunState(name="failed", kind="error", reason="No space left" + "x" * 9000, last_lines=("a",) * 12))
    state = run.read_state()
    assert (state.name, state.kind, state.last_lines) == ("failed", "error", ()) and len(state.reason) == 500
    assert run.state_file.stat().st_size < 4096, "the state fits into the block of the old file"
    run.state_file.unlink()
    with pytest.raises(OSError, match="No space left"):
        run.write_state(RunState(name="failed", kind="error", reason="x"))


def test_an_unwritable_folder_fails_runs_that_have_not_ended(run, monkeypatch):
    assert run.explain_unwritable() is None and RunDir(run.path / "none").explain_unwritable() is None
    real = os.statvfs(run.path)
    monkeypatch.setattr(
        "dcbench.core.store.files.os.statvfs", lambda path: SimpleNamespace(f_flag=real.f_flag, f_bavail=0)
    )
    assert "no space left" in run.read_planned_state(SPEC).reason and run.read_planned_state(SPEC).kind == "error"
    run.write_state(RunState(name="failed", kind="nan", reason="loss"))
    assert run.read_planned_state(SPEC).kind == "nan", "the state of an ended run does not change"
    run.write_state(RunState(name="running"))
    assert "no space left" in run.read_planned_state(SPEC).reason, "the run is lost and cannot be repeated yet"
    monkeypatch.setattr("dcbench.core.store.files.os.access", lambda *_: False)
    monkeypatch.setattr(
        "dcbench.core.store.files.os.statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=9)
    )
    assert "read-only file system" in run.explain_unwritable() and "--results" in run.explain_unwritable()
    monkeypatch.setattr("dcbench.core.store.files.os.statvfs", lambda path: SimpleNamespace(f_flag=0, f_bavail=9))
    assert "permission denied" in run.explain_unwritable()


def test_the_last_lines_of_a_log_are_not_empty_and_few(run):
    assert run.read_last_lines() == ()
    run.append_log("\n".join(f"line {number}\n" for number in range(50)))
    assert run.read_last_lines()[-1] == "line 49" and len(run.read_last_lines()) == LAST_LINES
    run.log_file.write_bytes(b"x" * 100_000 + b"\n\xff\xfe broken \n")
    assert "broken" in run.read_last_lines()[-1] and max(map(len, run.read_last_lines())) <= 300


def test_a_spec_edited_by_hand_is_read(run):
    text = run.spec_file.read_text()
    run.spec_file.write_text("# a comment\n" + text.replace('"', "'"))
    assert run.read_spec() == SPEC
    run.spec_file.write_text("")
    with pytest.raises(ResultsError, match="not a run spec"):
        run.read_spec()


# --- resuming ----------------------------------------------------------------------------------


def test_cutting_keeps_the_header_and_the_first_rows_and_drops_an_incomplete_line(run):
    for epoch in range(4):
        run.append_metrics({"epoch": epoch, "loss": epoch / 2})
    header, *rows = run.metrics_file.read_text().splitlines()
    with run.metrics_file.open("a") as file:
        file.write("4,0.")
    assert run.cut_metrics(2)
    assert run.metrics_file.read_text().splitlines() == [header, *rows[:2]]
    run.append_metrics({"epoch": 2, "loss": 1.0})
    assert run.metrics_file.read_text().splitlines() == [header, *rows[:3]]


def test_rows_that_cannot_be_continued_are_refused_and_stay(run):
    assert not run.cut_metrics(0), "there is no file"
    run.append_metrics({"epoch": 0})
    before = run.metrics_file.read_text()
    assert not run.cut_metrics(2), "a checkpoint after epoch 1 needs two rows"
    assert run.metrics_file.read_text() == before
    other_version = before.replace("epoch,", "epoch,column_of_another_version,", 1)
    run.metrics_file.write_text(other_version)
    assert not run.cut_metrics(1) and run.metrics_file.read_text() == other_version


def test_the_provenance_of_earlier_attempts_is_listed_oldest_first(run):
    assert run.read_earlier_attempts() == []
    run.write_provenance({"device": "a"})
    assert run.read_earlier_attempts() == [{"device": "a"}]
    run.write_provenance({"device": "b", "earlier_attempts": run.read_earlier_attempts()})
    run.write_provenance({"device": "c", "earlier_attempts": run.read_earlier_attempts()})
    assert [attempt["device"] for attempt in run.read_earlier_attempts()] == ["a", "b", "c"]
    assert all("earlier_attempts" not in attempt for attempt in run.read_earlier_attempts()), "they are not nested"
    run.provenance_file.write_text("{")
    assert run.read_earlier_attempts() == [], "a damaged file does not keep a run from being resumed"


# --- what a results folder remembers of plug-ins ----------------------------------------------


def test_a_matrix_folder_remembers_the_facts_of_plugins_and_no_file_means_none(tmp_path):
    folder = MatrixDir(tmp_path)
    folder.remember_plugins()
    assert "own" not in registry.plugin_names("backends")
    own = {"facts": {"library": "torch"}, "sha256": "a1", "path": str(tmp_path / "parts" / "backends" / "own.py")}
    folder.write_plugins({"backends/own": own})
    assert json.loads(folder.plugins_file.read_text()) == {"backends/own": own}
    folder.remember_plugins()
    assert registry.facts("backends", "own") == {"library": "torch"}
    plugin = registry.find("backends", "own")
    assert plugin.remembered and plugin.sha256 == "a1" and str(plugin.path) == own["path"]
    assert registry.describe_own_plugins([("backends", "own")]) == {"backends/own": own}, "as it was written"
    folder.write_plugins({})
    assert not folder.plugins_file.exists()
    folder.write_plugins({})  # also where there is nothing to remove


@pytest.mark.parametrize("text", ["", "{", "[1]", "7"])
def test_plugin_facts_that_cannot_be_read_are_an_error_with_the_way_out(tmp_path, text):
    folder = MatrixDir(tmp_path)
    folder.plugins_file.write_text(text)
    with pytest.raises(ResultsError, match=r"plugins.json: is damaged; run the matrix again to write it again"):
        folder.remember_plugins()
