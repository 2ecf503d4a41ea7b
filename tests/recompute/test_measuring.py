"""Real runs are computed again; the right values come from scikit-learn, scipy and counting."""

import csv
import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import entropy
from sklearn import metrics as sklearn_metrics

from dcbench.core.columns import COLUMNS
from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun, read_status
from dcbench.recompute import measuring
from dcbench.recompute.labels import TrueLabels
from dcbench.recompute.measuring import measure_difference, recompute_matrix, recompute_run_dir, recompute_runs
from dcbench.recompute.result import ValueDiff
from dcbench.recompute.stored_predictions import ARRAYS
from tests.helpers.paths import TOP
from tests.helpers.recomputed_runs import change_arrays, change_value, read_arrays

CLUSTERINGS = ("own", "refit", "l2", "pca", "pca_whitened", "unwhitened_refit")


def recompute(run):
    """Compute a run again; digits needs no data folder."""
    (result,) = recompute_runs([run], run.folder.path)
    return result


def read_csv(folder):
    with folder.metrics_file.open() as file:
        return list(csv.DictReader(file))


def count_table(clusters, classes):
    table = np.zeros((12, 10))
    np.add.at(table, (clusters, classes), 1)
    return table


def score_without_dcbench(truth, clusters, training_truth, training_clusters):
    """Return the scores of clusters of either split, by their names in metrics.csv without a prefix."""
    table = count_table(clusters, truth)
    fitted = count_table(training_clusters, training_truth)
    mutual = entropy(table.sum(0)) + entropy(table.sum(1)) - entropy(table.ravel())
    sizes = entropy(table.sum(0)), entropy(table.sum(1))
    # Without empty clusters, so that scipy chooses the same one of several best matches, which few images often have.
    used = np.flatnonzero(fitted.sum(1))
    clusters_of_match, classes_of_match = linear_sum_assignment(fitted[used], maximize=True)
    matched = table[used[clusters_of_match], classes_of_match].sum()
    majority = table[used, fitted[used].argmax(axis=1)].sum()  # a cluster without training images has no majority
    return {
        "nmi_true": 2 * mutual / sum(sizes),
        "nmi_true_geometric": mutual / math.sqrt(sizes[0] * sizes[1]),
        "cluster_accuracy": matched / len(truth),
        "purity": majority / len(truth),
        "ari_true": sklearn_metrics.adjusted_rand_score(truth, clusters),
        "ami_true": sklearn_metrics.adjusted_mutual_info_score(truth, clusters),
    }


def test_metrics_csv_follows_from_the_predictions_by_an_independent_computation(finished):
    seen = set()
    for run in read_status(finished).runs:
        arrays, rows = read_arrays(run.folder), read_csv(run.folder)
        truth, test_truth = arrays["labels"], arrays["test_labels"]
        for position, row in enumerate(rows):
            expected = {}
            for name in CLUSTERINGS:
                if name in arrays:
                    prefix, clusters = "" if name == "own" else f"{name}_", arrays[name][position]
                    scores = score_without_dcbench(truth, clusters, truth, clusters)
                    on_test = score_without_dcbench(test_truth, arrays[f"test_{name}"][position], truth, clusters)
                    expected |= {prefix + column: value for column, value in scores.items()}
                    expected |= {f"test_{prefix}{column}": value for column, value in on_test.items()}
            for name in ("knn", "probe", "head"):
                if f"test_{name}" in arrays and position + (name != "head"):
                    expected[f"test_{name}_accuracy"] = np.mean(arrays[f"test_{name}"][position] == test_truth)
            own = arrays["own"]
            shares = np.bincount(own[position], minlength=run.spec.k) / len(truth)
            expected["active_clusters"] = np.count_nonzero(shares)
            expected["largest_cluster_share"] = shares.max()
            expected["cluster_entropy"] = entropy(shares) / math.log(run.spec.k)
            if position:
                expected["nmi_previous"] = sklearn_metrics.normalized_mutual_info_score(
                    own[position - 1], own[position]
                )
            for column in expected.keys() & COLUMNS.keys():
                assert float(row[column]) == pytest.approx(expected[column], abs=1e-12), column
            filled = {column for column in ARRAYS if row[column]}
            assert filled <= expected.keys(), "every column that recompute claims is computed here, too"
            seen |= filled
    assert seen == set(ARRAYS), "every such column has a value in one of the runs"


def test_runs_as_they_are_agree_with_metrics_csv_to_the_last_bit(finished):
    result = recompute_matrix(finished, finished.path.parent)
    assert result.passed and len(result.recomputed) == 2 and result.largest_difference == 0
    files = [read_csv(run.folder) for run in read_status(finished).runs]
    values = [sum(bool(row[column]) for row in rows for column in ARRAYS) for rows in files]
    assert [run.value_count for run in result.runs] == values and min(values) > 100
    assert {run.unchecked_labels for run in result.runs} == {""}, "digits is part of scikit-learn"


@pytest.mark.parametrize("name", ["small_cpu", "backends"])
def test_committed_results_can_be_computed_again(name, tmp_path):
    runs = read_status(MatrixDir(TOP / "results" / name)).runs
    assert all(run.folder.assignments_file.exists() for run in runs)
    first, last = recompute_runs([runs[0], runs[-1]], tmp_path)
    assert first.passed and last.passed and min(first.value_count, last.value_count) > 50
    assert "is not in" in first.unchecked_labels


def test_a_single_run_is_computed_again(run):
    result = recompute_run_dir(run.folder.path, run.folder.path)
    assert result.name == "m" and [each.run_id for each in result.runs] == [run.spec.run_id] and result.passed


def test_one_image_in_another_cluster_is_found(run):
    own = read_arrays(run.folder)["own"]
    own[1, 7] = (own[1, 7] + 1) % 12
    change_arrays(run.folder, own=own)
    result = recompute(run)
    places = {(diff.row, diff.column) for diff in result.differences}
    assert (1, "nmi_true") in places and (2, "nmi_previous") in places and (1, "cluster_entropy") in places
    assert {column for row, column in places if row == 2} == {"nmi_previous"} and not any(row == 0 for row, _ in places)
    assert result.problems == () and not result.passed


@pytest.mark.parametrize(
    ("column", "text"),
    [("pca_whitened_nmi_true", "0.75"), ("test_knn_accuracy", ""), ("nmi_previous", "nan"), ("test_purity", "inf")],
)
def test_one_changed_value_is_found(run, column, text):
    old = change_value(run.folder, 1, column, text)
    result = recompute(run)
    assert result.differences == (ValueDiff(row=1, column=column, recorded=text, recomputed=float(old)),)


def test_a_value_that_cannot_have_been_computed_is_found(run):
    change_value(run.folder, 0, "nmi_previous", "0.5")
    assert recompute(run).differences == (ValueDiff(row=0, column="nmi_previous", recorded="0.5", recomputed=None),)


def test_the_last_digits_may_differ(run):
    old = float(change_value(run.folder, 2, "nmi_true", "0"))
    change_value(run.folder, 2, "nmi_true", repr(old + 5e-10))
    result = recompute(run)
    assert result.passed and result.largest_difference == pytest.approx(5e-10, rel=1e-3)
    change_value(run.folder, 2, "nmi_true", repr(old + 2e-9))
    assert len(recompute(run).differences) == 1


def test_a_last_assignment_that_is_not_the_last_row_is_a_problem(run):
    assignment = read_arrays(run.folder)["assignment"]
    assignment[:2] = (assignment[:2] + 1) % 12
    change_arrays(run.folder, assignment=assignment)
    (problem,) = recompute(run).problems
    assert str(run.folder.assignments_file) in problem and "differs from the last row of 'own' in 2 images" in problem


def test_wrong_labels_are_a_problem(run):
    labels = read_arrays(run.folder)["test_labels"]
    labels[3] = (labels[3] + 1) % 10
    change_arrays(run.folder, test_labels=labels)
    result = recompute(run)
    assert "1 of 70 test labels are not those of digits" in result.problems[0] and result.differences


def test_rows_that_a_large_run_did_not_keep_are_not_compared(run):
    arrays = read_arrays(run.folder)
    rows = {name: array[[0, 2]] for name, array in arrays.items() if array.ndim == 2}
    change_arrays(run.folder, epochs=np.array([0, 2]), **rows)
    whole, part = len(ARRAYS), recompute(run)
    assert part.passed and part.missing_rows == 1 and 0 < part.value_count < 2 * whole
    change_value(run.folder, 2, "nmi_previous", "0.5")
    assert recompute(run).passed, "the row before is not kept, so nothing is known about it"


def test_damaged_files_do_not_hide_the_other_runs(matrix, run):
    data = run.folder.assignments_file.read_bytes()
    run.folder.assignments_file.write_bytes(data[: len(data) // 2])
    first, second = recompute_matrix(matrix, matrix.path).runs
    assert str(run.folder.assignments_file) in first.problems[0] and "--redo" in first.problems[0]
    assert first.value_count == 0 and second.value_count > 0 and second.passed


def test_a_run_without_the_file_is_not_checked(run):
    run.folder.assignments_file.unlink()
    result = recompute(run)
    assert (result.not_checked, result.value_count, result.passed) == ("no assignments.npz", 0, True)


def test_a_run_that_is_not_done_is_a_problem_only_if_it_has_the_file(matrix, run):
    lines = run.folder.metrics_file.read_text().splitlines(keepends=True)
    run.folder.metrics_file.write_text("".join(lines[:-1]))
    first, _ = recompute_matrix(matrix, matrix.path).runs
    assert "holds 2 of 3 rows" in first.problems[0]
    run.folder.assignments_file.unlink()
    run.folder.write_state(RunState())
    first, _ = recompute_matrix(matrix, matrix.path).runs
    assert first.not_checked == "pending" and first.passed


def test_processes_compute_the_same(finished, monkeypatch):
    alone = recompute_matrix(finished, finished.path)
    monkeypatch.setattr(measuring, "MIN_PARALLEL_RUNS", 1)
    monkeypatch.setattr(measuring, "PART_SIZE", 1)
    assert recompute_matrix(finished, finished.path) == alone


def test_results_keep_the_order_of_the_runs_and_a_dataset_is_read_once_for_runs_of_the_same_images(
    finished, monkeypatch
):
    reads = []

    def read(spec, data_dir):
        reads.append(spec)
        return TrueLabels(dataset="digits", splits={}, not_read="a stand-in")

    monkeypatch.setattr(measuring, "read_true_labels", read)
    first, second = read_status(finished).runs
    absent = PlannedRun(spec=make_spec({"seed": 1}), folder=finished.run_dir("absent"), state=RunState())
    runs = [second, absent, first]
    assert [result.run_id for result in recompute_runs(runs, finished.path)] == [run.folder.path.name for run in runs]
    assert len(reads) == 1, "and none for a run of other images that has no predictions"


@pytest.mark.parametrize(
    ("recorded", "recomputed", "difference"),
    [("", None, 0), ("0.5", 0.5, 0), ("0.5", 0.25, 0.25), ("12", 12, 0), ("", 0.5, math.inf), ("0.5", None, math.inf),
     ("nan", 0.5, math.inf), ("0.5", math.nan, math.inf), ("nan", math.nan, math.inf)],
)  # fmt: skip
def test_differences(recorded, recomputed, difference):
    assert measure_difference(recorded, recomputed) == difference


def test_the_folder_of_no_run_is_an_error(tmp_path):
    with pytest.raises(measuring.ResultsError, match="is not the folder of a run"):
        recompute_run_dir(RunDir(tmp_path).path, tmp_path)
