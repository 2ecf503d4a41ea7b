"""What is printed of runs that were computed again."""

from dcbench.recompute.result import MatrixResult, RunResult, ValueDiff
from dcbench.recompute.terminal import MAX_DIFFERENCES, show_limits, show_recomputed

ABSENT = RunResult(run_id="absent-s0-1", not_checked="no assignments.npz")


def make_run(**facts):
    return RunResult(**{"run_id": "mnist-s0-1", "value_count": 1200} | facts)


def show(terminal, *runs):
    show_recomputed(MatrixResult(name="m", runs=runs))
    return terminal.getvalue()


def test_runs_that_agree_take_two_lines(terminal):
    text = show(terminal, make_run(largest_difference=2e-16), make_run())
    assert text.splitlines() == [
        "m: 2 runs recomputed, 2,400 values compared, none differs (largest difference 2e-16)",
        "  true labels of 2 runs compared with the dataset's own files",
    ]


def test_each_difference_names_run_row_column_and_both_values(terminal):
    first = ValueDiff(row=2, column="nmi_true", recorded="0.5", recomputed=0.25)
    second = ValueDiff(row=3, column="test_purity", recorded="", recomputed=0.125)
    third = ValueDiff(row=0, column="nmi_previous", recorded="0.5", recomputed=None)
    text = show(terminal, make_run(differences=(first, second, third)))
    assert "m: 1 run recomputed, 1,200 values compared, 3 differ\n" in text
    assert "differs mnist-s0-1: row 2: nmi_true is 0.5 in metrics.csv, recomputed 0.25\n" in text
    assert "row 3: test_purity is nothing in metrics.csv, recomputed 0.125\n" in text
    assert "row 0: nmi_previous is 0.5 in metrics.csv, recomputed nothing\n" in text


def test_very_many_differences_are_counted(terminal):
    diff = ValueDiff(row=2, column="nmi_true", recorded="0.5", recomputed=0.25)
    text = show(terminal, make_run(differences=(diff,) * (MAX_DIFFERENCES + 1500)))
    assert text.count("row 2") == MAX_DIFFERENCES and "differs mnist-s0-1: 1,500 more; --json lists all" in text


def test_problems_are_printed_as_they_are(terminal):
    text = show(terminal, make_run(value_count=0, problems=("results/[m]/x/assignments.npz: is damaged; restore it",)))
    assert "0 runs recomputed, 0 values compared, nothing could be checked\n" in text
    assert "wrong results/[m]/x/assignments.npz: is damaged; restore it\n" in text


def test_runs_without_the_file_are_counted_and_listed(terminal):
    text = show(terminal, make_run(), ABSENT, ABSENT)
    assert "not checked (no assignments.npz): 2 runs\n    absent-s0-1\n    absent-s0-1\n" in text


def test_runs_without_the_file_are_only_counted_where_no_run_has_it(terminal):
    text = show(terminal, ABSENT, ABSENT)
    assert "m: 0 runs recomputed, 0 values compared, nothing could be checked\n" in text
    assert "not checked (no assignments.npz): 2 runs\n" in text and "absent-s0-1" not in text


def test_labels_and_rows_that_were_not_checked_are_said(terminal):
    text = show(terminal, make_run(missing_rows=9, unchecked_labels="mnist is not in /data"), make_run())
    text = " ".join(text.split())  # long lines are wrapped
    assert "true labels of 1 run compared" in text
    assert "not checked: the true labels of 1 run, which were taken from assignments.npz: mnist is not in /data" in text
    assert "not checked: 9 rows of 1 run, without predictions since the run is large" in text


def test_the_limits_name_the_columns_that_no_prediction_tells(terminal):
    show_limits()
    text = " ".join(terminal.getvalue().split())
    assert "at most 1e-09" in text and "loss, pseudo_label_accuracy" in text and "feature_rank" in text
    assert "nmi_true" not in text
