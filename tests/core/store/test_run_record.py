import io
import json

import numpy as np
import pytest

from dcbench.core.spec import make_spec
from dcbench.core.store.provenance import diff_values, extract_environment
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import RunRecord, open_run_dir, read_record, read_rows
from dcbench.errors import ResultsError
from dcbench.replay.run_diff import ValueDiff, compare_runs, diff_records

ROWS = [{"epoch": str(epoch), "nmi_true": f"0.{epoch}5", "k": "1200", "seconds_train": "3"} for epoch in range(4)]
IMAGES = {image: image % 3 for image in range(100)}
ORIGINAL = RunRecord(ROWS, IMAGES)


def with_figure(row, column, figure):
    """The original with one figure written otherwise."""
    return RunRecord([*ROWS[:row], ROWS[row] | {column: figure}, *ROWS[row + 1 :]], IMAGES)


def test_the_same_record_is_identical_whatever_it_cost():
    found = diff_records(ORIGINAL, with_figure(2, "seconds_train", "99"))
    assert (found.verdict, str(found)) == ("identical", "identical")
    assert (found.row_count, found.value_count, found.image_count) == (4, 12, 100)
    assert found.first_row is None and found.first_row_beyond_tolerance is None and found.largest_difference is None


def test_a_changed_figure_in_row_2_is_different_from_row_2_on():
    found = diff_records(ORIGINAL, with_figure(2, "nmi_true", "0.5"))
    assert str(found) == "different from row 2 on" and found.first_row_beyond_tolerance == 2
    assert (
        found.first_differences == [ValueDiff(2, "nmi_true", "0.25", "0.5")] and found.largest_difference.size == 0.25
    )


def test_a_figure_changed_by_1e_9_is_equal_within_the_tolerance_but_not_identical():
    other = with_figure(2, "nmi_true", repr(0.25 + 1e-9))
    found = diff_records(ORIGINAL, other)
    assert (found.verdict, str(found)) == ("equal", "equal within 1e-06")
    assert (found.first_row, found.first_row_beyond_tolerance) == (
        2,
        None,
    ) and found.largest_difference.size == pytest.approx(1e-9)
    assert diff_records(ORIGINAL, other, tolerance=1e-10).verdict == "different"
    assert diff_records(ORIGINAL, other, tolerance=0).verdict == "different"
    assert diff_records(ORIGINAL, ORIGINAL, tolerance=0).verdict == "identical"


def test_a_figure_over_1_is_compared_by_its_relative_difference():
    assert diff_records(ORIGINAL, with_figure(1, "k", "1200.001")).verdict == "equal"
    assert diff_records(ORIGINAL, with_figure(1, "k", "1200.01")).verdict == "different"
    assert diff_records(ORIGINAL, with_figure(1, "k", "1200.0")).verdict == "identical", (
        "the same number written otherwise"
    )


@pytest.mark.parametrize("figure", ["", "nan", "inf"])
def test_a_figure_that_only_one_run_has_is_different_without_a_size(figure):
    found = diff_records(ORIGINAL, with_figure(3, "nmi_true", figure))
    assert str(found) == "different from row 3 on"
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["largest"]["by"] is None


def test_a_small_difference_that_grows_is_told_from_where_it_starts():
    off = (0, 1e-12, 1e-3, 0.1)
    rows = [row | {"nmi_true": repr(float(row["nmi_true"]) + by)} for row, by in zip(ROWS, off, strict=True)]
    found = diff_records(ORIGINAL, RunRecord([*rows[:3], rows[3] | {"k": ""}], IMAGES))
    assert (found.first_row, found.first_row_beyond_tolerance) == (1, 2)
    assert found.largest_difference.row == 3 and found.largest_difference.column == "nmi_true", (
        "not the one without a size"
    )
    assert found.columns_by_first_row == {1: ["nmi_true"], 3: ["k"]}


def test_images_in_another_cluster_are_counted_against_the_tolerance():
    moved = RunRecord(ROWS, IMAGES | {0: 2})
    found = diff_records(ORIGINAL, moved)
    assert (found.verdict, found.moved_count, str(found)) == ("different", 1, "different in the last assignment")
    assert diff_records(ORIGINAL, moved, tolerance=0.01).verdict == "equal"
    assert diff_records(ORIGINAL, moved, tolerance=0.009).verdict == "different"


def test_other_images_are_moved_images():
    fewer = RunRecord(ROWS, {image: cluster for image, cluster in IMAGES.items() if image < 90})
    assert diff_records(ORIGINAL, fewer).moved_count == diff_records(fewer, ORIGINAL).moved_count == 10


def test_a_record_without_assignment_compares_the_figures_alone():
    found = diff_records(RunRecord(ROWS), ORIGINAL)
    assert (found.verdict, found.image_count) == ("identical", None)


def test_rows_that_only_one_run_has_differ():
    for pair in ((ORIGINAL, RunRecord(ROWS[:3], IMAGES)), (RunRecord(ROWS[:3], IMAGES), ORIGINAL)):
        found = diff_records(*pair)
        assert str(found) == "different from row 3 on" and [one.column for one in found.first_differences] == ["epoch"]


def test_columns_of_another_version_are_left_out_and_named():
    newer = RunRecord([row | {"new_score": "1", "new_and_empty": "", "peak_memory_mb": "9"} for row in ROWS], IMAGES)
    found = diff_records(ORIGINAL, newer)
    assert found.verdict == "identical" and found.not_compared == ["new_score"]


def test_what_changed_tells_both_values():
    assert diff_values({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == {"b": (2, 3), "c": (None, 4)}


def test_made_with_is_flat_and_leaves_out_what_cannot_change_a_result():
    facts = {"libraries": {"torch": "2"}, "dataset": {"sha256": "ab"}, "threads": 1, "command": "x", "commit": None}
    assert extract_environment(facts) == {"torch": "2", "threads": 1, "dataset.sha256": "ab"}
    assert extract_environment({"libraries": "torn", "dataset": 3}) == {"libraries": "torn", "dataset": 3}


# --- from disk ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path, k=5)


def written(place, **values):
    """A run folder with a spec, two rows, an assignment and a provenance."""
    spec = make_spec({"epochs": 1, **values})
    run = RunDir(place / spec.run_id)
    run.prepare(spec)
    for epoch in range(2):
        run.append_metrics({"epoch": epoch, "nmi_true": 0.25})
    archive = io.BytesIO()
    np.savez_compressed(archive, assignment=np.array([1, 0, 1]), indices=np.array([7, 8, 9]))
    run.assignments_file.write_bytes(archive.getvalue())
    run.write_provenance({"threads": 1, "libraries": {"torch": "2"}})
    return run


def test_a_record_is_read_whole(folder):
    record = read_record(folder)
    assert [row["nmi_true"] for row in record.rows] == ["0.25", "0.25"]
    assert record.clusters == {7: 1, 8: 0, 9: 1}
    folder.assignments_file.unlink()
    assert read_record(folder).clusters is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epoch,nmi_true\n0,0.5\n2,0.5\n", ":3: is not the whole row of epoch 1"),
        ("epoch,nmi_true\n0,x\n", ":2: is not the whole row of epoch 0"),
        ("epoch,nmi_true\n0\n", ":2: is not the whole row"),
        ("nmi_true\n0.5\n", ":2: is not the whole row"),
        ('epoch,nmi_true\n0,"0.5\n', "run the matrix again with --redo"),
    ],
)
def test_torn_metrics_are_told_with_their_line(folder, text, expected):
    folder.metrics_file.write_text(text)
    with pytest.raises(ResultsError, match=expected) as caught:
        read_rows(folder)
    assert str(folder.metrics_file) in str(caught.value)


def test_no_metrics_are_no_rows(folder):
    folder.metrics_file.unlink()
    assert read_rows(folder) == []


def saved(**arrays):
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    return archive.getvalue()


def objects():
    return saved(assignment=np.array([{}, {}]), indices=np.arange(2))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04torn",
        saved(indices=np.arange(2)),
        saved(assignment=np.arange(2), indices=np.arange(3)),
        objects(),
    ],
    ids=["empty", "torn", "no assignment", "two lengths", "pickled objects"],
)
def test_a_torn_assignment_is_told(folder, data):
    folder.assignments_file.write_bytes(data)
    with pytest.raises(ResultsError, match=r"assignments\.npz: is torn"):
        read_record(folder)


def test_half_an_assignment_is_told_wherever_it_is_cut(folder):
    whole = folder.assignments_file.read_bytes()
    for length in range(0, len(whole), 40):
        folder.assignments_file.write_bytes(whole[:length])
        with pytest.raises(ResultsError, match="is torn"):
            read_record(folder)


def test_a_folder_that_is_no_run_is_told(tmp_path, folder, monkeypatch):
    for path in (tmp_path, tmp_path / "nowhere", folder.spec_file):
        with pytest.raises(ResultsError, match="is not the folder of a run"):
            open_run_dir(path)
    monkeypatch.chdir(folder.path)
    assert open_run_dir(type(tmp_path)(".")).read_spec().k == 5


def test_two_runs_beside_each_other(tmp_path, folder):
    other = written(tmp_path, k=6)
    other.write_provenance({"threads": 2, "libraries": {"torch": "2"}})
    found = compare_runs(folder, other)
    assert found.spec_changes == {"k": (5, 6)} and found.environment_changes == {"threads": (1, 2)}
    assert found.metrics_diff.verdict == "identical"
    other.provenance_file.unlink()
    other.metrics_file.unlink()
    found = compare_runs(folder, other)
    assert found.environment_changes is None and found.metrics_diff is None
    assert found.as_json() == {"identity": {"k": (5, 6)}, "provenance": None, "metrics": None}
