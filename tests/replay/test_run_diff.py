"""Differences between two records and between two run folders."""

import json

import pytest

from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import RunRecord
from dcbench.replay.run_diff import ValueDiff, compare_runs, diff_records

ROWS = [{"epoch": str(epoch), "nmi_true": f"0.{epoch}5", "k": "1200", "seconds_train": "3"} for epoch in range(4)]
IMAGES = {image: image % 3 for image in range(100)}
ORIGINAL = RunRecord(rows=ROWS, clusters=IMAGES)


def with_value(row, column, value):
    """Return the original record with one value replaced."""
    return RunRecord(rows=[*ROWS[:row], ROWS[row] | {column: value}, *ROWS[row + 1 :]], clusters=IMAGES)


def test_records_that_differ_only_in_costs_are_identical():
    diff = diff_records(ORIGINAL, with_value(2, "seconds_train", "99"))
    assert (diff.verdict, str(diff)) == ("identical", "identical")
    assert (diff.row_count, diff.value_count, diff.image_count) == (4, 12, 100)
    assert diff.first_row is None and diff.first_row_beyond_tolerance is None and diff.largest_difference is None


def test_a_changed_value_is_different_from_its_row_on():
    diff = diff_records(ORIGINAL, with_value(2, "nmi_true", "0.5"))
    assert str(diff) == "different from row 2 on" and diff.first_row_beyond_tolerance == 2
    assert diff.first_differences == [ValueDiff(row=2, column="nmi_true", original="0.25", other="0.5")]
    assert diff.largest_difference.size == 0.25


def test_a_value_changed_by_1e_9_is_equal_within_the_tolerance_but_not_identical():
    other = with_value(2, "nmi_true", repr(0.25 + 1e-9))
    diff = diff_records(ORIGINAL, other)
    assert (diff.verdict, str(diff)) == ("equal", "equal within 1e-06")
    assert (diff.first_row, diff.first_row_beyond_tolerance) == (2, None)
    assert diff.largest_difference.size == pytest.approx(1e-9)
    assert diff_records(ORIGINAL, other, tolerance=1e-10).verdict == "different"
    assert diff_records(ORIGINAL, other, tolerance=0).verdict == "different"
    assert diff_records(ORIGINAL, ORIGINAL, tolerance=0).verdict == "identical"


def test_a_value_over_1_is_compared_by_its_relative_difference():
    assert diff_records(ORIGINAL, with_value(1, "k", "1200.001")).verdict == "equal"
    assert diff_records(ORIGINAL, with_value(1, "k", "1200.01")).verdict == "different"
    assert diff_records(ORIGINAL, with_value(1, "k", "1200.0")).verdict == "identical", (
        "the same number written otherwise"
    )


@pytest.mark.parametrize("value", ["", "nan", "inf"])
def test_a_value_that_only_one_run_has_is_different_without_a_size(value):
    diff = diff_records(ORIGINAL, with_value(3, "nmi_true", value))
    assert str(diff) == "different from row 3 on"
    assert json.loads(json.dumps(diff.as_json(), allow_nan=False))["largest"]["by"] is None


def test_a_small_difference_that_grows_is_reported_from_where_it_starts():
    off = (0, 1e-12, 1e-3, 0.1)
    rows = [row | {"nmi_true": repr(float(row["nmi_true"]) + by)} for row, by in zip(ROWS, off, strict=True)]
    diff = diff_records(ORIGINAL, RunRecord(rows=[*rows[:3], rows[3] | {"k": ""}], clusters=IMAGES))
    assert (diff.first_row, diff.first_row_beyond_tolerance) == (1, 2)
    assert diff.largest_difference.row == 3 and diff.largest_difference.column == "nmi_true", (
        "not the one without a size"
    )
    assert diff.columns_by_first_row == {1: ["nmi_true"], 3: ["k"]}


def test_images_in_another_cluster_are_counted_against_the_tolerance():
    moved = RunRecord(rows=ROWS, clusters=IMAGES | {0: 2})
    diff = diff_records(ORIGINAL, moved)
    assert (diff.verdict, diff.moved_count, str(diff)) == ("different", 1, "different in the last assignment")
    assert diff_records(ORIGINAL, moved, tolerance=0.01).verdict == "equal"
    assert diff_records(ORIGINAL, moved, tolerance=0.009).verdict == "different"


def test_missing_images_count_as_moved():
    fewer = RunRecord(rows=ROWS, clusters={image: cluster for image, cluster in IMAGES.items() if image < 90})
    assert diff_records(ORIGINAL, fewer).moved_count == diff_records(fewer, ORIGINAL).moved_count == 10


def test_without_an_assignment_only_metrics_are_compared():
    diff = diff_records(RunRecord(rows=ROWS), ORIGINAL)
    assert (diff.verdict, diff.image_count) == ("identical", None)


def test_rows_that_only_one_run_has_differ():
    for pair in (
        (ORIGINAL, RunRecord(rows=ROWS[:3], clusters=IMAGES)),
        (RunRecord(rows=ROWS[:3], clusters=IMAGES), ORIGINAL),
    ):
        diff = diff_records(*pair)
        assert str(diff) == "different from row 3 on" and [each.column for each in diff.first_differences] == ["epoch"]


def test_columns_of_only_one_record_are_named_and_not_compared():
    newer = RunRecord(
        rows=[row | {"new_score": "1", "new_and_empty": "", "peak_memory_mb": "9"} for row in ROWS], clusters=IMAGES
    )
    diff = diff_records(ORIGINAL, newer)
    assert diff.verdict == "identical" and diff.unshared_columns == ["new_score"]


def test_the_json_has_its_keys():
    report = diff_records(ORIGINAL, with_value(2, "nmi_true", "0.5")).as_json()
    assert list(report) == [
        "verdict", "told", "rows", "figures", "images", "images_moved", "first_row", "beyond_row",
        "first_differences", "starts", "largest", "not_compared",
    ]  # fmt: skip
    assert report["largest"] == {"row": 2, "column": "nmi_true", "original": "0.25", "other": "0.5", "by": 0.25}


def write_run(folder, threads, **values):
    """Write a run folder with a spec, two rows and a provenance."""
    spec = make_spec({"epochs": 1, **values})
    run = RunDir(folder / spec.run_id)
    run.prepare(spec)
    for epoch in range(2):
        run.append_metrics({"epoch": epoch, "nmi_true": 0.25})
    run.write_provenance({"threads": threads, "libraries": {"torch": "2"}})
    return run


def test_two_run_folders_differ_in_spec_and_environment(tmp_path):
    original, other = write_run(tmp_path, threads=1, k=5), write_run(tmp_path, threads=2, k=6)
    comparison = compare_runs(original, other)
    assert comparison.spec_changes == {"k": (5, 6)} and comparison.environment_changes == {"threads": (1, 2)}
    assert comparison.metrics_diff.verdict == "identical"
    other.provenance_file.unlink()
    other.metrics_file.unlink()
    comparison = compare_runs(original, other)
    assert comparison.environment_changes is None and comparison.metrics_diff is None
    assert comparison.as_json() == {"identity": {"k": (5, 6)}, "provenance": None, "metrics": None}
