"""Counts and verdicts over runs and matrices."""

import json

from dcbench.recompute.result import MatrixResult, RunResult, ValueDiff

DIFF = ValueDiff(row=1, column="nmi_true", recorded="0.5", recomputed=0.25)
GOOD = RunResult(run_id="good", value_count=10, largest_difference=1e-15)
DIFFERENT = RunResult(run_id="different", value_count=8, differences=(DIFF, DIFF), largest_difference=1e-12)
DAMAGED = RunResult(run_id="damaged", problems=("file: is damaged",))
ABSENT = RunResult(run_id="absent", not_checked="no assignments.npz")


def test_a_matrix_counts_what_was_compared():
    result = MatrixResult(name="m", runs=[GOOD, DIFFERENT, DAMAGED, ABSENT])
    assert result.recomputed == [GOOD, DIFFERENT]
    assert (result.value_count, result.difference_count, result.largest_difference) == (18, 2, 1e-12)
    assert MatrixResult(name="m", runs=[]).largest_difference == 0


def test_a_difference_or_a_problem_fails_and_a_run_that_was_not_checked_does_not():
    assert [run.passed for run in (GOOD, DIFFERENT, DAMAGED, ABSENT)] == [True, False, False, True]
    assert MatrixResult(name="m", runs=[GOOD, ABSENT]).passed
    assert not MatrixResult(name="m", runs=[GOOD, DAMAGED]).passed
    assert not MatrixResult(name="m", runs=[GOOD, DIFFERENT]).passed


def test_json_has_every_count_and_reason():
    result = json.loads(json.dumps(MatrixResult(name="m", runs=[DIFFERENT, ABSENT]).as_json(), allow_nan=False))
    assert (result["name"], result["passed"], result["recomputed"]) == ("m", False, 1)
    assert (result["values"], result["differing"], result["tolerance"]) == (8, 2, 1e-9)
    different, absent = result["runs"]
    diff = {"row": 1, "column": "nmi_true", "recorded": "0.5", "recomputed": 0.25}
    assert different["run"] == "different" and different["differences"] == [diff, diff]
    assert different["not_checked"] is None and absent["not_checked"] == "no assignments.npz"
