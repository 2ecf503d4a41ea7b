"""Reading takes no more calls a run when there are more runs; the benchmark's made-up folder is what runs leave."""

import sys

import pytest

from benchmarks import made_results, report_scale
from dcbench.analysis import results
from dcbench.audit import axes
from dcbench.core.columns import COLUMNS
from dcbench.core.store import status


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of made-up runs of 3 epochs."""
    place = tmp_path_factory.mktemp("results")
    return {runs: made_results.write(place, runs, epochs=3) for runs in (20, 200, 1000)}


def calls(work):
    """How often any function was called."""
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
    seen = status.read_status(folder)
    results.collect_results(seen)
    axes.read_evidence(seen.done, axes.list_axis_fields(seen.plan))


def test_a_further_run_takes_as_many_calls_among_many_as_among_few(made):
    read(made[20])  # imports and caches
    few, some, many = (calls(lambda folder=folder: read(folder)) for folder in made.values())
    assert (many - some) / 800 < 1.1 * (some - few) / 180


def test_the_made_up_folder_is_what_real_runs_leave(made):
    found = results.read_results(made[200])
    assert set(found.runs["state"]) == {"done"} and len(found.runs) == 200 and len(found.rows) == 800
    assert list(found.varied) == list(made_results.AXES)[:4] and found.notes == []
    assert set(found.baselines["state"]) == {"done"} and not found.chance.empty
    audited = axes.audit(made[200])
    assert audited.failures == [] and {axis.verdict for axis in audited.axes} == {"acts"}
    empty = {name for name in COLUMNS if found.rows[name].isna().all()}
    assert empty == {name for name in COLUMNS if "unwhitened" in name} | {"test_head_accuracy", "split_clusters"}
    names = "spec.yaml metrics.csv state.json provenance.json audit.json assignments.npz log.txt claim"
    assert {path.name for path in made[200].path.glob("*/*")} == set(names.split())


def test_numbers_of_runs_that_the_axes_do_not_give_are_refused():
    with pytest.raises(ValueError, match="choose one of 5, 10, 20, 100, 200, 1000, 2000, 10000"):
        made_results.matrix_text(123)


@pytest.mark.slow
def test_a_line_of_the_table_has_every_step_and_no_empty_figure():
    line = report_scale.line(10)
    assert line["runs"] == 10
    steps = {name.removesuffix(" (s)") for name in line if name.endswith(" (s)")}
    assert steps == {"all", "CPU", "look", "tables"} | (set(report_scale.STEPS) - {"report"})
    assert all(float(value) >= 0 for value in line.values())
    assert min(float(line[name]) for name in ("all (s)", "CPU (s)", "peak memory (MB)", "page (MB)")) > 0
