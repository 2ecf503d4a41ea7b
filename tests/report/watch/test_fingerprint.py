import shutil

import pytest

from dcbench.core.store.files import write_atomic
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState
from dcbench.errors import ResultsError
from dcbench.report.watch.fingerprint import take_fingerprint
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import fill
from tests.helpers.watched import SMALL, runs_of


@pytest.fixture
def folder(matrix):
    return matrix("m")


def new_run(folder):
    spec = plan_of(SMALL.format("m").replace("[0, 1]", "[2]")).runs[0]
    fill(folder, spec.run_id, spec)


def parity_table(folder):
    (folder.path.parent / "parity").mkdir()
    (folder.path.parent / "parity" / "mnist-10000.csv").write_text("stage\n")


CHANGES = {
    "a run fails": lambda folder: runs_of(folder)[0].write_state(
        RunState(name="failed", kind="nan", reason="the loss became nan")
    ),
    "a run is done again": lambda folder: runs_of(folder)[0].write_state(RunState(name="done", seconds=2.0)),
    "a run is forgotten": lambda folder: runs_of(folder)[0].state_file.unlink(),
    "a run's row is torn": lambda folder: runs_of(folder)[0].metrics_file.write_text("epoch\n"),
    "a run's audit is written": lambda folder: runs_of(folder)[0].write_audit({}),
    "a run's spec is put back": lambda folder: write_atomic(runs_of(folder)[0].spec_file, "{}"),
    "a run's folder is deleted": lambda folder: shutil.rmtree(runs_of(folder)[0].path),
    "a run is added": new_run,
    "the plan changes": lambda folder: folder.write_matrix(SMALL.format("m").replace("[0, 1]", "[0]")),
    "parity is measured": parity_table,
}


def test_unchanged_results_keep_their_fingerprint(folder):
    first = take_fingerprint(folder, None)
    assert len(first.runs) == 4 and take_fingerprint(folder, first) == first == take_fingerprint(folder, None)


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_a_report_changes_the_fingerprint(folder, change):
    first = take_fingerprint(folder, None)
    CHANGES[change](folder)
    second = take_fingerprint(folder, first)
    assert second != first and second == take_fingerprint(folder, None)


def test_new_rows_of_a_running_run_keep_the_fingerprint_and_its_end_changes_it(folder):
    run = runs_of(folder)[0]
    with run.claim():
        run.write_state(RunState(name="running"))
        first = take_fingerprint(folder, None)
        assert first.runs[run.path.name].state == "running"
        run.append_metrics({"epoch": 3})
        with run.open_checkpoint() as file:
            file.write(b"weights")
        assert take_fingerprint(folder, first) == first
    assert take_fingerprint(folder, first).runs[run.path.name].state == "failed", (
        "its process has ended while its file says running"
    )


def test_only_changed_states_are_read_again(folder, monkeypatch):
    read, real = [], RunDir.read_state
    monkeypatch.setattr(RunDir, "read_state", lambda run: read.append(run.path.name) or real(run))
    first = take_fingerprint(folder, None)
    assert len(read) == 4
    runs_of(folder)[2].write_state(RunState(name="failed", kind="error", reason="planted"))
    take_fingerprint(folder, first)
    assert read[4:] == [runs_of(folder)[2].path.name]


def test_a_state_that_cannot_be_read_is_part_of_the_fingerprint(folder, monkeypatch):
    def refuse(run):
        raise ResultsError("this file system cannot lock files")

    monkeypatch.setattr(RunDir, "read_state", refuse)
    assert {run.state for run in take_fingerprint(folder, None).runs.values()} == {"this file system cannot lock files"}
