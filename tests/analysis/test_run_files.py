import pytest

from dcbench.analysis import run_files
from dcbench.core.columns import COLUMNS
from dcbench.core.store import status
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState


@pytest.fixture
def entries(folder):
    return status.read_status(folder).runs


def test_what_is_told_of_each_run_and_its_rows_one_after_another(entries):
    entries[1].folder.write_state(
        RunState(name="failed", kind="nan", reason="the loss became nan", last_lines=("a", "b"))
    )
    seen = [status.PlannedRun(one.spec, one.folder, one.folder.read_state()) for one in entries[:3]]
    part = run_files.read_run_files(seen)
    assert part.counts == [3, 0, 3] and part.metrics.shape == (len(COLUMNS), 6) and part.notes == []
    assert part.metrics[run_files.EPOCH].tolist() == [0, 1, 2, 0, 1, 2]
    done, failed, _ = part.facts
    assert (done["run_id"], done["state"], done["health"]) == (seen[0].folder.path.name, "done", "healthy")
    assert (failed["kind"], failed["last_lines"], failed["health"]) == ("nan", "a\nb", None)
    assert {*done} == {*failed} > {"optimizer", "seed", "backend"}


def test_a_run_that_has_been_started_again_is_told_as_it_is_now(entries):
    entries[0].folder.clear()
    entries[0].folder.clear_rows()
    part = run_files.read_run_files(entries[:2])
    assert [run["state"] for run in part.facts] == ["pending", "done"] and part.counts == [0, 3] and part.notes == []


def test_a_run_that_was_done_again_between_two_looks_is_done(entries, monkeypatch):
    real, looks = RunDir.read_metrics_text, []

    def just_cleared(run):
        looks.append(run)
        return ("", None) if len(looks) == 1 else real(run)

    monkeypatch.setattr(RunDir, "read_metrics_text", just_cleared)
    part = run_files.read_run_files(entries[:2])
    assert [run["state"] for run in part.facts] == ["done", "done"] and part.counts == [3, 3] and part.notes == []
    assert looks.count(entries[0].folder) == 2


def test_a_file_that_stays_broken_is_a_failed_run_and_a_note(entries):
    file = entries[0].folder.metrics_file
    file.write_text(file.read_text().replace("\n1,", "\n7,"))
    part = run_files.read_run_files(entries[:2])
    assert (part.facts[0]["state"], part.facts[0]["kind"], part.counts) == ("failed", "lost", [0, 3])
    assert part.notes == [part.facts[0]["reason"]] and "does not hold the epochs 0 to 2" in part.notes[0]


@pytest.mark.parametrize("earlier", ["null", '["x", 3]', '{"a": 1}'])
def test_a_provenance_of_another_shape_harms_no_other_run(entries, earlier):
    entries[0].folder.provenance_file.write_text(f'{{"shared_with": [], "earlier_attempts": {earlier}}}')
    entries[1].folder.provenance_file.write_text("[" * 100_000)
    part = run_files.read_run_files(entries[:3])
    assert [run["timing"] for run in part.facts] == ["exclusive", "not recorded", "not recorded"]
