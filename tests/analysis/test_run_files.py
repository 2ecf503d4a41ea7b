import numpy as np
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
    runs = [status.PlannedRun(spec=run.spec, folder=run.folder, state=run.folder.read_state()) for run in entries[:3]]
    part = run_files.read_run_files(runs)
    assert part.counts == [3, 0, 3] and part.metrics.shape == (len(COLUMNS), 6) and part.notes == []
    assert part.metrics[run_files.EPOCH].tolist() == [0, 1, 2, 0, 1, 2]
    done, failed, _ = part.facts
    assert (done["run_id"], done["state"], done["health"]) == (runs[0].folder.path.name, "done", "healthy")
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


# --- metrics.csv ---------------------------------------------------------------------------

HEADER = ",".join(COLUMNS) + "\n"
PLACE = {name: place for place, name in enumerate(COLUMNS)}


def text_of(*rows, header=HEADER):
    """A metrics.csv with these values of epoch and loss."""
    names = header.strip().split(",")
    lines = [",".join(str(row.get(name, "")) for name in names) for row in rows]
    return header + "".join(f"{line}\n" for line in lines)


def test_every_file_is_an_array_with_a_line_for_each_column_and_absence_is_nan():
    long, short = text_of({"epoch": 0}, {"epoch": 1, "loss": 1 / 3}), text_of({"epoch": 0, "loss": 1e-5})
    first, other = run_files.parse_metrics([long, short])
    assert first.shape == (len(COLUMNS), 2) and other.shape == (len(COLUMNS), 1)
    assert first[PLACE["epoch"]].tolist() == [0, 1]
    assert np.isnan(first[PLACE["loss"], 0]) and first[PLACE["loss"], 1] == 1 / 3, "to the last digit"
    assert other[PLACE["loss"]].tolist() == [1e-5]


def test_files_with_other_columns_stand_beside_each_other():
    older = text_of({"loss": 2.0, "epoch": 0, "retired": 7}, header="loss,epoch,retired\n")
    first, other = run_files.parse_metrics([older, text_of({"epoch": 0, "loss": 3.0})])
    assert [first[PLACE["loss"], 0], other[PLACE["loss"], 0]] == [2, 3]
    assert np.isnan(first[PLACE["purity"], 0])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("epoch,loss\n0,1,2,3\n", "Expected 2 columns, got 4"),
        ("epoch,loss\n0,x\n", "double"),
        ("epoch,loss\n0,1\n\n1,2\n", "empty lines"),
        (HEADER + "0,1\n", "columns"),
    ],
)
def test_one_broken_file_is_told_and_spoils_no_other(broken, message):
    good = text_of({"epoch": 0, "loss": 2.0})
    first, problem, last = run_files.parse_metrics([good, broken, good])
    assert message in problem and "\n" not in problem
    assert first[PLACE["loss"], 0] == last[PLACE["loss"], 0] == 2


def test_files_without_a_row_have_none():
    for texts in ([""], ["", HEADER], [HEADER, text_of({"epoch": 0}), ""]):
        shapes = [metrics.shape for metrics in run_files.parse_metrics(texts)]
        assert shapes == [(len(COLUMNS), text.count("\n") - 1 if text else 0) for text in texts]
    assert run_files.parse_metrics([]) == []


def test_infinities_and_words_for_no_value_are_read():
    (metrics,) = run_files.parse_metrics([text_of({"epoch": 0, "loss": "inf", "purity": "nan"})])
    assert metrics[PLACE["loss"], 0] == np.inf and np.isnan(metrics[PLACE["purity"], 0])
