import io

import numpy as np
import pytest

from dcbench.core.spec import make_spec
from dcbench.core.store.provenance import diff_values, extract_environment
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import open_run_dir, read_record, read_rows
from dcbench.errors import ResultsError


def test_diff_values_gives_both_values_of_each_change():
    assert diff_values({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == {"b": (2, 3), "c": (None, 4)}


def test_the_environment_is_flat_and_leaves_out_what_cannot_change_a_result():
    facts = {"libraries": {"torch": "2"}, "dataset": {"sha256": "ab"}, "threads": 1, "command": "x", "commit": None}
    assert extract_environment(facts) == {"torch": "2", "threads": 1, "dataset.sha256": "ab"}
    assert extract_environment({"libraries": "torn", "dataset": 3}) == {"libraries": "torn", "dataset": 3}


# --- from disk ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path, k=5)


def write_run(root, **values):
    """Write a run folder with a spec, two rows, an assignment and a provenance."""
    spec = make_spec({"epochs": 1, **values})
    run = RunDir(root / spec.run_id)
    run.prepare(spec)
    for epoch in range(2):
        run.append_metrics({"epoch": epoch, "nmi_true": 0.25})
    archive = io.BytesIO()
    np.savez_compressed(archive, assignment=np.array([1, 0, 1]), indices=np.array([7, 8, 9]))
    run.assignments_file.write_bytes(archive.getvalue())
    run.write_provenance({"threads": 1, "libraries": {"torch": "2"}})
    return run


def test_a_record_has_the_rows_and_the_clusters_of_a_run(folder):
    record = read_record(folder)
    assert [row["nmi_true"] for row in record.rows] == ["0.25", "0.25"]
    assert record.clusters == {7: 1, 8: 0, 9: 1}
    folder.assignments_file.unlink()
    assert read_record(folder).clusters is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epoch,nmi_true\n0,0.5\n2,0.5\n", ":3: is not the complete row of epoch 1"),
        ("epoch,nmi_true\n0,x\n", ":2: is not the complete row of epoch 0"),
        ("epoch,nmi_true\n0\n", ":2: is not the complete row"),
        ("nmi_true\n0.5\n", ":2: is not the complete row"),
        ('epoch,nmi_true\n0,"0.5\n', "run the matrix again with --redo"),
    ],
)
def test_damaged_metrics_are_reported_with_their_line(folder, text, expected):
    folder.metrics_file.write_text(text)
    with pytest.raises(ResultsError, match=expected) as caught:
        read_rows(folder)
    assert str(folder.metrics_file) in str(caught.value)


def test_a_run_without_metrics_has_no_rows(folder):
    folder.metrics_file.unlink()
    assert read_rows(folder) == []


def save_arrays(**arrays):
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    return archive.getvalue()


def save_objects():
    return save_arrays(assignment=np.array([{}, {}]), indices=np.arange(2))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04torn",
        save_arrays(indices=np.arange(2)),
        save_arrays(assignment=np.arange(2), indices=np.arange(3)),
        save_objects(),
    ],
    ids=["empty", "torn", "no assignment", "two lengths", "pickled objects"],
)
def test_a_damaged_assignment_is_an_error(folder, data):
    folder.assignments_file.write_bytes(data)
    with pytest.raises(ResultsError, match=r"assignments\.npz: is damaged"):
        read_record(folder)


def test_a_truncated_assignment_is_an_error_at_any_length(folder):
    whole = folder.assignments_file.read_bytes()
    for length in range(0, len(whole), 40):
        folder.assignments_file.write_bytes(whole[:length])
        with pytest.raises(ResultsError, match="is damaged"):
            read_record(folder)


def test_a_folder_without_a_run_is_an_error(tmp_path, folder, monkeypatch):
    for path in (tmp_path, tmp_path / "nowhere", folder.spec_file):
        with pytest.raises(ResultsError, match="is not the folder of a run"):
            open_run_dir(path)
    monkeypatch.chdir(folder.path)
    assert open_run_dir(type(tmp_path)(".")).read_spec().k == 5
