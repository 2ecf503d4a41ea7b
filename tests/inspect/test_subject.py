import pytest

from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import RunRecord
from dcbench.core.store.run_state import RunState
from dcbench.errors import ResultsError
from dcbench.inspect.subject import check_replay, read_inspected_run
from dcbench.replay.rerun import Replay
from dcbench.replay.run_diff import diff_records


def folder_of(place, state, *, weights=False, assignment=False, **values):
    """A run's folder in a state, with files of the names that matter."""
    spec = make_spec({"epochs": 1} | values)
    folder = RunDir(place / "m" / spec.run_id)
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
def test_what_there_is_to_look_at(tmp_path, state, has, values, source):
    subject = read_inspected_run(folder_of(tmp_path, state, **has, **values).path)
    assert subject.source == source and subject.state.name == state.name and not subject.is_replay


def test_a_done_run_without_anything_names_the_command_and_what_it_costs(tmp_path):
    folder = folder_of(tmp_path / "my results", DONE)
    with pytest.raises(ResultsError) as caught:
        read_inspected_run(folder.path)
    told = str(caught.value)
    assert told.endswith(f"dcbench inspect '{folder.path}' --replay") and "(it took 12 s)" in told
    assert "neither weights nor its last assignment" in told and "--keep-weights" in told


@pytest.mark.parametrize(
    ("state", "has", "values", "expected"),
    [
        (
            RunState(name="failed", kind="nan", reason="the loss became nan"),
            {},
            {},
            r"is failed \(nan\) and has left no weights",
        ),
        (RunState(name="failed", kind="nan", reason="the loss became nan"), {}, {}, "the loss became nan"),
        (RunState(name="running"), {}, {}, "exited without recording a result"),
        (RunState(name="pending"), {"assignment": True}, {}, "is pending and has left no weights"),
        (RunState(name="skipped", reason="too small"), {}, {}, "is skipped .*too small"),
        (RunState(name="pending"), {}, UNTRAINED, "is pending"),
    ],
)
def test_a_run_that_left_nothing_says_how_it_stands(tmp_path, state, has, values, expected):
    folder = folder_of(tmp_path, state, **has, **values)
    with pytest.raises(ResultsError, match=expected) as caught:
        read_inspected_run(folder.path)
    assert f"dcbench status {folder.path}" in str(caught.value)


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(ResultsError, match="is not the folder of a run"):
        read_inspected_run(tmp_path)


def test_it_is_looked_at_where_and_with_the_threads_it_was_made_with(tmp_path):
    folder = folder_of(tmp_path, DONE, weights=True)
    subject = read_inspected_run(folder.path)
    assert (subject.device, subject.threads) == ("auto", 1), "nothing is recorded"
    folder.write_provenance({"device": "cpu", "threads": 3})
    assert (subject.device, subject.threads) == ("cpu", 3)
    folder.write_provenance({"device": "NVIDIA H100", "threads": "many"})
    assert (subject.device, subject.threads) == ("auto", 1)


ROWS = [{"epoch": "0", "purity": "0.5"}]


def test_a_repetition_says_how_it_came_out(tmp_path):
    def told(rows, ours=None, theirs=None):
        return check_replay(
            tmp_path,
            Replay(
                state=RunState(name="done"),
                record=RunRecord([]),
                diff=diff_records(RunRecord(ROWS, ours), RunRecord(rows, theirs)),
                provenance={},
            ),
        )

    same, text = told(ROWS, {1: 0, 2: 1}, {1: 0, 2: 1})
    assert same and "the clusters of its 2 images came out identical" in text
    same, text = told(ROWS)
    assert same and "came out identical. Its folder has no last assignment to compare" in text
    same, text = told([{"epoch": "0", "purity": "0.6"}])
    assert not same and "came out otherwise: different from row 0 on" in text
    assert "not the run that was recorded" in text and f"dcbench replay {tmp_path}" in text
    with pytest.raises(ResultsError, match="done again, the run failed: no memory"):
        failed = RunState(name="failed", reason="no memory")
        check_replay(tmp_path, Replay(state=failed, record=RunRecord([]), diff=None, provenance={}))


def test_a_repetition_is_known_by_its_other_name(tmp_path):
    folder = folder_of(tmp_path, DONE, weights=True)
    subject = read_inspected_run(folder.path, home=tmp_path / "elsewhere")
    assert subject.is_replay and subject.replay_hint.endswith(f"dcbench inspect {tmp_path / 'elsewhere'} --replay")
