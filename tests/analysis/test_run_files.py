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


def test_runs_are_read_with_their_facts_and_concatenated_rows(entries):
    entries[1].folder.write_state(
        RunState(name="failed", kind="nan", reason="the loss became nan", last_lines=("a", "b"))
    )
    runs = [status.PlannedRun(spec=run.spec, folder=run.folder, state=run.folder.read_state()) for run in entries[:3]]
    run_files_read = run_files.read_run_files(runs)
    assert (
        run_files_read.counts == [3, 0, 3]
        and run_files_read.metrics.shape == (len(COLUMNS), 6)
        and run_files_read.notes == []
    )
    assert run_files_read.metrics[run_files.EPOCH].tolist() == [0, 1, 2, 0, 1, 2]
    done, failed, _ = run_files_read.facts
    assert (done["run_id"], done["state"], done["health"]) == (runs[0].folder.path.name, "done", "healthy")
    assert (failed["kind"], failed["last_lines"], failed["health"]) == ("nan", "a\nb", None)
    assert {*done} == {*failed} > {"optimizer", "seed", "backend"}


def test_a_run_that_was_cleared_is_pending(entries):
    entries[0].folder.clear()
    entries[0].folder.clear_rows()
    run_files_read = run_files.read_run_files(entries[:2])
    assert (
        [run["state"] for run in run_files_read.facts] == ["pending", "done"]
        and run_files_read.counts == [0, 3]
        and run_files_read.notes == []
    )


def test_a_run_that_is_rewritten_while_it_is_read_is_read_again(entries, monkeypatch):
    real, reads = RunDir.read_metrics_text, []

    def just_cleared(run):
        reads.append(run)
        return ("", None) if len(reads) == 1 else real(run)

    monkeypatch.setattr(RunDir, "read_metrics_text", just_cleared)
    run_files_read = run_files.read_run_files(entries[:2])
    assert (
        [run["state"] for run in run_files_read.facts] == ["done", "done"]
        and run_files_read.counts == [3, 3]
        and run_files_read.notes == []
    )
    assert reads.count(entries[0].folder) == 2


def test_a_damaged_file_is_a_failed_run_and_a_note(entries):
    file = entries[0].folder.metrics_file
    file.write_text(file.read_text().replace("\n1,", "\n7,"))
    run_files_read = run_files.read_run_files(entries[:2])
    assert (run_files_read.facts[0]["state"], run_files_read.facts[0]["kind"], run_files_read.counts) == (
        "failed",
        "lost",
        [0, 3],
    )
    assert (
        run_files_read.notes == [run_files_read.facts[0]["reason"]]
        and "does not hold the epochs 0 to 2" in run_files_read.notes[0]
    )


@pytest.mark.parametrize("earlier", ["null", '["x", 3]', '{"a": 1}'])
def test_a_malformed_provenance_does_not_affect_other_runs(entries, earlier):
    entries[0].folder.provenance_file.write_text(f'{{"shared_with": [], "earlier_attempts": {earlier}}}')
    entries[1].folder.provenance_file.write_text("[" * 100_000)
    run_files_read = run_files.read_run_files(entries[:3])
    assert [run["timing"] for run in run_files_read.facts] == ["exclusive", "not recorded", "not recorded"]


# --- metrics.csv ---------------------------------------------------------------------------

HEADER = ",".join(COLUMNS) + "\n"
INDEX_OF = {name: index for index, name in enumerate(COLUMNS)}


def make_csv(*rows, header=HEADER):
    """Return a metrics.csv with these values; other cells are empty."""
    names = header.strip().split(",")
    lines = [",".join(str(row.get(name, "")) for name in names) for row in rows]
    return header + "".join(f"{line}\n" for line in lines)


def test_each_file_is_an_array_with_a_row_for_each_column_and_nan_for_missing_values():
    long, short = make_csv({"epoch": 0}, {"epoch": 1, "loss": 1 / 3}), make_csv({"epoch": 0, "loss": 1e-5})
    first, other = run_files.parse_metrics([long, short])
    assert first.shape == (len(COLUMNS), 2) and other.shape == (len(COLUMNS), 1)
    assert first[INDEX_OF["epoch"]].tolist() == [0, 1]
    assert np.isnan(first[INDEX_OF["loss"], 0]) and first[INDEX_OF["loss"], 1] == 1 / 3, "to the last digit"
    assert other[INDEX_OF["loss"]].tolist() == [1e-5]


def test_files_with_different_columns_are_read_together():
    older = make_csv({"loss": 2.0, "epoch": 0, "retired": 7}, header="loss,epoch,retired\n")
    first, other = run_files.parse_metrics([older, make_csv({"epoch": 0, "loss": 3.0})])
    assert [first[INDEX_OF["loss"], 0], other[INDEX_OF["loss"], 0]] == [2, 3]
    assert np.isnan(first[INDEX_OF["purity"], 0])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("epoch,loss\n0,1,2,3\n", "Expected 2 columns, got 4"),
        ("epoch,loss\n0,x\n", "double"),
        ("epoch,loss\n0,1\n\n1,2\n", "empty lines"),
        (HEADER + "0,1\n", "columns"),
    ],
)
def test_a_broken_file_is_reported_and_the_others_are_read(broken, message):
    good = make_csv({"epoch": 0, "loss": 2.0})
    first, problem, last = run_files.parse_metrics([good, broken, good])
    assert message in problem and "\n" not in problem
    assert first[INDEX_OF["loss"], 0] == last[INDEX_OF["loss"], 0] == 2


def test_files_without_rows_have_empty_arrays():
    for texts in ([""], ["", HEADER], [HEADER, make_csv({"epoch": 0}), ""]):
        shapes = [metrics.shape for metrics in run_files.parse_metrics(texts)]
        assert shapes == [(len(COLUMNS), text.count("\n") - 1 if text else 0) for text in texts]
    assert run_files.parse_metrics([]) == []


def test_inf_and_nan_are_parsed():
    (metrics,) = run_files.parse_metrics([make_csv({"epoch": 0, "loss": "inf", "purity": "nan"})])
    assert metrics[INDEX_OF["loss"], 0] == np.inf and np.isnan(metrics[INDEX_OF["purity"], 0])
