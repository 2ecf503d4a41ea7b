"""The cost of reading grows linearly with the runs; the benchmark's made-up folder looks like one of real runs."""

import sys

import pytest

from benchmarks import made_results, report_scale
from dcbench.analysis import results
from dcbench.audit import axes
from dcbench.core.columns import COLUMNS
from dcbench.core.store import status


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return folders of made-up runs of 3 epochs, by their number of runs."""
    results_root = tmp_path_factory.mktemp("results")
    return {runs: made_results.write(results_root, runs, epochs=3) for runs in (20, 200, 1000)}


def count_calls(work):
    """Return how many functions are called while `work` runs."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def read(folder):
    matrix_status = status.read_status(folder)
    results.collect_results(matrix_status)
    axes.read_evidence(matrix_status.done, axes.list_axis_fields(matrix_status.plan))


def test_the_calls_for_one_more_run_do_not_grow_with_the_number_of_runs(made):
    read(made[20])  # imports and caches
    few, some, many = (count_calls(lambda folder=folder: read(folder)) for folder in made.values())
    assert (many - some) / 800 < 1.1 * (some - few) / 180


def test_the_made_up_folder_looks_like_one_of_real_runs(made):
    loaded = results.read_results(made[200])
    assert set(loaded.runs["state"]) == {"done"} and len(loaded.runs) == 200 and len(loaded.rows) == 800
    assert list(loaded.varied) == list(made_results.AXES)[:4] and loaded.notes == []
    assert set(loaded.baselines["state"]) == {"done"} and not loaded.chance.empty
    audited = axes.audit(made[200])
    assert audited.failures == [] and {axis.verdict for axis in audited.axes} == {"acts"}
    empty = {name for name in COLUMNS if loaded.rows[name].isna().all()}
    assert empty == {name for name in COLUMNS if "unwhitened" in name} | {"test_head_accuracy", "split_clusters"}
    names = "spec.yaml metrics.csv state.json provenance.json audit.json assignments.npz log.txt claim"
    assert {path.name for path in made[200].path.glob("*/*")} == set(names.split())


def test_numbers_of_runs_that_the_axes_do_not_give_are_refused():
    with pytest.raises(ValueError, match="choose one of 5, 10, 20, 100, 200, 1000, 2000, 10000"):
        made_results.matrix_text(123)


@pytest.mark.slow
def test_a_row_of_the_table_has_every_step_and_no_empty_value():
    row = report_scale.measure_row(10)
    assert row["runs"] == 10
    steps = {name.removesuffix(" (s)") for name in row if name.endswith(" (s)")}
    assert steps == {"all", "CPU", "look", "tables"} | (set(report_scale.STEPS) - {"report"})
    assert all(float(value) >= 0 for value in row.values())
    assert min(float(row[name]) for name in ("all (s)", "CPU (s)", "peak memory (MB)", "page (MB)")) > 0
