import re

import pytest

from dcbench import registry
from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.run_record import RunRecord
from dcbench.core.store.run_state import RunState
from dcbench.errors import ResultsError
from dcbench.inspect.subject import check_replay, read_inspected_run
from dcbench.replay.rerun import Replay
from dcbench.replay.run_diff import diff_records
from tests.helpers.own_plugins import write_plugin


def write_run(root, state, *, weights=False, assignment=False, **values):
    """A run's folder in a state, with files of the names that matter."""
    spec = make_spec({"epochs": 1} | values)
    folder = RunDir(root / "m" / spec.run_id)
    folder.prepare(spec)
    for epoch in range(spec.epochs + 1):
        folder.append_metrics({"epoch": epoch})
    folder.write_state(state)
    for file, there in ((folder.checkpoint_file, weights), (folder.assignments_file, assignment)):
        if there:
            file.write_bytes(b"")
    return folder


DONE = RunState(name="done", seconds=12.4)
UNTRAINED, PIXELS = {"epochs": 0}, {"epochs": 0, "method": "pixels"}


@pytest.mark.parametrize(
    ("state", "has", "values", "source"),
    [
        (DONE, {"weights": True, "assignment": True}, {}, "checkpoint"),
        (DONE, {"assignment": True}, {}, "assignment"),
        (DONE, {}, UNTRAINED, "seed"),
        (DONE, {"assignment": True}, PIXELS, "seed"),
        (RunState(name="failed", kind="crash"), {"weights": True}, {}, "checkpoint"),
        (RunState(name="pending"), {"weights": True}, {}, "checkpoint"),
    ],
)
def test_the_source_of_an_inspection_depends_on_the_files_of_the_run(tmp_path, state, has, values, source):
    run = read_inspected_run(write_run(tmp_path, state, **has, **values).path)
    assert run.source == source and run.state.name == state.name and not run.is_replay


def test_a_done_run_without_weights_names_the_command_and_its_time(tmp_path):
    folder = write_run(tmp_path / "my results", DONE)
    with pytest.raises(ResultsError) as caught:
        read_inspected_run(folder.path)
    message = str(caught.value)
    assert message.endswith(f"dcbench inspect '{folder.path}' --replay") and "(it took 12.4 s)" in message
    assert "neither weights nor its last assignment" in message and "--keep-weights" in message


@pytest.mark.parametrize(
    ("state", "has", "values", "expected"),
    [
        (
            RunState(name="failed", kind="nan", reason="the loss became nan"),
            {},
            {},
            r"is failed \(nan\) and has left no weights to inspect",
        ),
        (RunState(name="failed", kind="nan", reason="the loss became nan"), {}, {}, "the loss became nan"),
        (RunState(name="running"), {}, {}, "exited without recording a result"),
        (RunState(name="pending"), {"assignment": True}, {}, "is pending and has left no weights to inspect"),
        (RunState(name="skipped", reason="too small"), {}, {}, "is skipped .*too small"),
        (RunState(name="pending"), {}, UNTRAINED, "is pending"),
    ],
)
def test_a_run_without_weights_and_not_done_is_an_error_with_its_state(tmp_path, state, has, values, expected):
    folder = write_run(tmp_path, state, **has, **values)
    with pytest.raises(ResultsError, match=expected) as caught:
        read_inspected_run(folder.path)
    assert f"dcbench status {folder.path}" in str(caught.value)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="is not the folder of a run"):
        read_inspected_run(tmp_path)


def test_an_inspection_uses_the_device_and_threads_of_the_run(tmp_path):
    folder = write_run(tmp_path, DONE, weights=True)
    run = read_inspected_run(folder.path)
    assert (run.device, run.threads) == ("auto", 1), "nothing is recorded"
    folder.write_provenance({"device": "cpu", "threads": 3})
    assert (run.device, run.threads) == ("cpu", 3)
    folder.write_provenance({"device": "NVIDIA H100", "threads": "many"})
    assert (run.device, run.threads) == ("auto", 1)


ROWS = [{"epoch": "0", "purity": "0.5"}]


def test_a_replay_is_checked_against_the_original(tmp_path):
    def check(rows, ours=None, theirs=None):
        return check_replay(
            tmp_path,
            Replay(
                state=RunState(name="done"),
                record=RunRecord(rows=[]),
                diff=diff_records(RunRecord(rows=ROWS, clusters=ours), RunRecord(rows=rows, clusters=theirs)),
                provenance={},
            ),
        )

    passed, message = check(ROWS, {1: 0, 2: 1}, {1: 0, 2: 1})
    assert passed and "It is identical in all values (2 in 1 row) and in the clusters of all 2 images." in message
    passed, message = check(ROWS)
    assert (
        passed and "It is identical in all values (2 in 1 row). Its folder has no last assignment to compare" in message
    )
    passed, message = check([{"epoch": "0", "purity": "0.6"}])
    assert not passed and "It did not give the same results: different from row 0 on." in message
    assert "not the run that was recorded" in message and f"dcbench replay {tmp_path}" in message
    failed = Replay(
        state=RunState(name="failed", reason="no memory"), record=RunRecord(rows=[]), diff=None, provenance={}
    )
    with pytest.raises(ResultsError, match="the repetition of the run failed: no memory"):
        check_replay(tmp_path, failed)


def test_a_replay_is_recognised_by_the_name_of_its_folder(tmp_path):
    folder = write_run(tmp_path, DONE, weights=True)
    run = read_inspected_run(folder.path, user_path=tmp_path / "elsewhere")
    assert run.is_replay and run.replay_hint.endswith(f"dcbench inspect {tmp_path / 'elsewhere'} --replay")


def test_the_suggested_command_names_the_folder_of_own_plugins(tmp_path):
    file = write_plugin(tmp_path / "my parts")
    registry.use_plugins([tmp_path / "my parts"])
    folder = write_run(tmp_path, DONE, arch="own", pca_dim=8)
    options = f"--replay --plugins '{tmp_path / 'my parts'}'"
    with pytest.raises(ResultsError, match=re.escape(options) + "$"):
        read_inspected_run(folder.path)
    MatrixDir(folder.path.parent).write_plugins(registry.describe_own_plugins([("archs", "own")]))
    registry.set_state(((), {}))
    file.unlink()
    folder.assignments_file.write_bytes(b"")
    assert read_inspected_run(folder.path).replay_hint.endswith(options), "also where only its facts are remembered"
