import shutil

import pandas as pd
import pytest

from dcbench.analysis import results
from dcbench.analysis.statistics.finals import CurveRule
from dcbench.analysis.summary import OUTCOMES
from dcbench.comparison import measuring
from dcbench.core.columns import COLUMNS
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.run_state import RunState
from dcbench.errors import ResultsError
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import fill

TEXT = """name: m
axes: {optimizer: [sgd, adam], limit: [null, 500]}
seeds: [0, 1, 2]
settings: {epochs: 2, pca_dim: 8, width: 0.05}
"""
ADAM, SGD = ("optimizer", "adam"), ("optimizer", "sgd")


def score(spec, **_):
    return 0.3 + 0.2 * (spec.optimizer == "adam") + 0.01 * spec.seed


def write_set(root, text=TEXT, nmi=score):
    """Write a set of made-up runs whose scores depend on the spec."""
    folder, plan = MatrixDir(root / "m"), plan_of(text)
    status.store_plan(plan, folder)
    for spec in plan.planned:
        fill(folder, spec.run_id, spec, epochs=spec.epochs, nmi=nmi(spec))
    return folder


@pytest.fixture(scope="module")
def first_set(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("first"))


@pytest.fixture
def make_set(tmp_path, first_set):
    """Return a function that makes a set in a new folder: a copy of the first one, or another one."""

    def make(name, *arguments, **more):
        if arguments or more:
            return write_set(tmp_path / name, *arguments, **more)
        shutil.copytree(first_set.path, tmp_path / name / "m")
        return MatrixDir(tmp_path / name / "m")

    return make


def compare(old, new, rules=None):
    return measuring.compare_results(results.read_results(old), results.read_results(new), OUTCOMES, rules or {})


def test_a_repeat_is_compared_with_the_same_repeat(make_set):
    text = f"{TEXT}repeats: 2\n"
    once, repeated = make_set("once"), make_set("repeated", text)
    shifted = make_set("shifted", text, nmi=lambda spec: score(spec) + 0.1 * spec.repeat)
    against_once = compare(once, repeated).runs
    assert (against_once.planned, len(against_once.compared), against_once.identical) == ((12, 24), 12, 12)
    result = compare(repeated, shifted)
    assert (len(result.runs.compared), result.runs.identical) == (24, 12), "repeat 0 is the same on both sides"
    overall = next(metric for metric in result.metrics if metric.name == "nmi_true").changes[0]
    assert (overall.pairs, overall.seeds) == (24, 3) and overall.mean == pytest.approx(0.05)


def metric(comparison, name="nmi_true"):
    return next(candidate for candidate in comparison.metrics if candidate.name == name)


def verdicts(comparison, name="nmi_true"):
    return {(change.axis, change.value): change.verdict for change in metric(comparison, name).changes}


def run_of(folder, **which):
    plan = status.read_stored_plan(folder)
    matching = [spec for spec in plan.planned if all(getattr(spec, name) == value for name, value in which.items())]
    return folder.run_dir(matching[0].run_id)


def without_column(run, name):
    rows = pd.read_csv(run.metrics_file)
    rows.assign(**{name: None}).to_csv(run.metrics_file, index=False)


def test_equal_sets_are_identical_in_every_part_and_value(make_set):
    comparison = compare(make_set("old"), make_set("new"))
    assert set(verdicts(comparison).values()) == {"identical"}
    runs = comparison.runs
    assert (runs.planned, runs.done, runs.planned_in_both, len(runs.compared), runs.identical) == (
        (12, 12),
        (12, 12),
        12,
        12,
        12,
    )
    assert (
        runs.planned_in_one == (0, 0) and runs.done_only_in_old == runs.done_only_in_new == runs.done_in_neither == ()
    )
    assert comparison.timing == ("12 not recorded", "12 not recorded")


def test_a_worse_value_is_worse_and_the_other_value_identical(make_set):
    comparison = compare(
        make_set("old"), make_set("new", nmi=lambda spec: score(spec) - 0.1 * (spec.optimizer == "adam"))
    )
    by_part = verdicts(comparison)
    assert by_part["", ""] == by_part[ADAM] == "worse" and by_part[SGD] == "identical"
    assert list(by_part) == [("", ""), SGD, ADAM, ("limit", "none"), ("limit", "500")]
    overall = metric(comparison).changes[0]
    assert overall.old - overall.new == pytest.approx(0.05) and overall.pairs == 12
    assert comparison.runs.identical == 6
    gain = metric(comparison, "gain_nmi_true").changes[0]
    assert gain.verdict in ("same", "identical"), "row 0 is lower by the same amount"


def test_rules_reduce_the_curves(make_set):
    comparison = compare(make_set("old"), make_set("new"), {"nmi_true": CurveRule(last=2)})
    assert metric(comparison).rule == "mean of the last 2 rows" and metric(comparison, "seconds").rule == "whole run"
    assert metric(comparison).changes[0].old == pytest.approx(0.41 + 0.15)


def test_sets_with_different_plans_are_compared_on_their_shared_runs(make_set):
    other = TEXT.replace("[null, 500]", "[null, 400]").replace("[0, 1, 2]", "[0, 1, 2, 3]")
    comparison = compare(make_set("old"), make_set("new", other))
    assert (comparison.runs.planned_in_both, comparison.runs.planned_in_one, comparison.runs.planned) == (
        6,
        (6, 10),
        (12, 16),
    )
    assert list(verdicts(comparison)) == [("", ""), SGD, ADAM], "limit has one value left"
    assert metric(comparison).changes[0].pairs == 6


def test_sets_without_shared_runs_are_an_error_with_the_reason(make_set):
    with pytest.raises(ResultsError, match=r"no run in common.*width is 0\.05 in OLD and 0\.1 in NEW"):
        compare(make_set("old"), make_set("new", TEXT.replace("width: 0.05", "width: 0.1")))
    crossed = "name: m\nzip: [{optimizer: [sgd, adam], k: [%s]}]\nsettings: {epochs: 2, pca_dim: 8}\n"
    with pytest.raises(ResultsError, match="every field has values in common, but no run"):
        compare(make_set("third", crossed % "5, 6"), make_set("fourth", crossed % "6, 5"))


def test_unfinished_runs_are_listed_with_their_state_and_left_out(make_set):
    old, new = make_set("old"), make_set("new")
    run_of(new, optimizer="adam", seed=0).write_state(RunState(name="failed", kind="nan", reason="the loss became nan"))
    run_of(new, optimizer="adam", seed=1).state_file.unlink()
    run_of(old, optimizer="sgd", seed=0).write_state(RunState(name="failed", kind="crash", reason="died"))
    for folder in (old, new):
        run_of(folder, optimizer="sgd", seed=1).write_state(RunState(name="skipped", kind=None, reason="why not"))
    comparison = compare(old, new)
    runs = comparison.runs
    assert (runs.planned, runs.done, runs.planned_in_both, len(runs.compared)) == ((12, 12), (10, 9), 12, 8)
    assert [(run.old, run.new, run.reason) for run in runs.done_only_in_old] == [
        ("done", "failed (nan)", "the loss became nan"), ("done", "pending", ""),
    ]  # fmt: skip
    assert [(run.old, run.new, run.reason) for run in runs.done_only_in_new] == [("failed (crash)", "done", "died")]
    assert [(run.old, run.new, run.reason) for run in runs.done_in_neither] == [("skipped", "skipped", "why not")]
    overall = metric(comparison).changes[0]
    assert overall.pairs + overall.left_out == 8 and overall.pairs == overall.cells * overall.seeds


def test_a_truncated_file_fails_only_its_run(make_set):
    old, new = make_set("old"), make_set("new")
    torn = run_of(new, optimizer="adam", seed=2)
    torn.metrics_file.write_text(torn.metrics_file.read_text()[:-30])
    comparison = compare(old, new)
    (lost,) = comparison.runs.done_only_in_old
    assert lost.run_id == torn.path.name and lost.new == "failed (lost)" and "2 of 3 rows" in lost.reason
    assert len(comparison.runs.compared) == 11 and set(verdicts(comparison).values()) == {"identical"}


def test_without_finished_runs_in_new_all_are_lost_and_in_old_it_is_an_error(make_set):
    old, new = make_set("old"), make_set("new")
    for path in new.path.glob("*/state.json"):
        path.unlink()
    comparison = compare(old, new)
    assert len(comparison.runs.done_only_in_old) == 12 and comparison.runs.compared == () and comparison.metrics == ()
    with pytest.raises(ResultsError, match="of the 12 runs that OLD and NEW have in common none is done in OLD"):
        compare(new, old)


def test_runs_of_new_without_a_metric_are_counted(make_set):
    old, new = make_set("old"), make_set("new")
    for path in sorted(new.path.glob("*/metrics.csv"))[:5]:
        without_column(new.run_dir(path.parent.name), "nmi_true")
    nmi = metric(compare(old, new))
    assert nmi.lost_runs == 5 and nmi.changes[0].pairs + nmi.changes[0].left_out == 7
    assert metric(compare(new, old)).lost_runs == 0


def test_a_metric_without_values_in_new_is_lost(make_set):
    old, new = make_set("old"), make_set("new")
    for path in new.path.glob("*/metrics.csv"):
        without_column(new.run_dir(path.parent.name), "nmi_true")
    comparison = compare(old, new)
    assert metric(comparison).lost_runs == 12 and metric(comparison).changes == ()
    assert comparison.runs.identical == 12, "in every value that both have"


def test_a_single_run_is_identical_or_without_a_verdict(make_set):
    single = TEXT.replace("[sgd, adam]", "[sgd]").replace("[null, 500]", "[500]").replace("[0, 1, 2]", "[0]")
    old, same, other = (
        make_set("old", single),
        make_set("same", single),
        make_set("other", single, nmi=lambda spec: 0.1),
    )
    assert verdicts(compare(old, same)) == {("", ""): "identical"}
    assert verdicts(compare(old, other)) == {("", ""): "too few seeds"}


def test_zipped_fields_are_one_axis_and_values_are_not_escaped(make_set):
    text = """name: m
axes: {dataset: ["imagefolder:/a [b]/<script>\U0001f642", digits]}
zip: [{k: [5, 6], limit: [null, 500]}]
seeds: [0, 1, 2]
settings: {epochs: 2, pca_dim: 8}
"""
    by_part = verdicts(compare(make_set("old", text), make_set("new", text)))
    assert ("k + limit", "5, none") in by_part and ("k + limit", "6, 500") in by_part
    assert ("dataset", "imagefolder:/a [b]/<script>\U0001f642") in by_part


def test_baselines_are_compared_by_their_last_row(make_set):
    text = TEXT + "baselines: [pixels, supervised]\n"
    moved = make_set("new", text, nmi=lambda spec: score(spec) - 0.2 * (spec.method == "pixels"))
    comparison = compare(make_set("old", text), moved)
    by_part = verdicts(comparison)
    assert (
        by_part["baseline", "pixels"] == "worse" and by_part["baseline", "supervised"] == by_part["", ""] == "identical"
    )
    assert comparison.runs.compared_baselines == comparison.runs.planned_in_both - 12 > 0
    assert ("baseline", "supervised") not in verdicts(comparison, "gain_nmi_true"), "its row 0 is not read"
    for path in moved.path.glob("*-s?-*/state.json"):
        if "pixels" not in path.parent.name:
            path.unlink()
    alone = compare(MatrixDir(moved.path.parent.parent / "old" / "m"), moved)
    assert list(verdicts(alone)) == [("baseline", "pixels")]


def test_identical_compares_every_column_except_costs():
    assert {"nmi_true", "loss", "feature_rank"} <= {*measuring.REPEATABLE_COLUMNS}
    assert not {name for name in measuring.REPEATABLE_COLUMNS if COLUMNS[name].cost}


def test_a_rule_that_gives_no_values_is_refused(make_set):
    with pytest.raises(ResultsError, match="--rule nmi_true=mean of the last 100 rows: gives no run a number"):
        compare(make_set("old"), make_set("new"), {"nmi_true": CurveRule(last=100)})


def test_a_value_that_is_not_finite_counts_as_lost(make_set):
    new = make_set("new")
    for run in new.path.glob("*-adam-*/metrics.csv"):
        rows = pd.read_csv(run)
        rows.assign(nmi_true=[*rows["nmi_true"][:-1], float("-inf")]).to_csv(run, index=False)
    nmi = metric(compare(make_set("old"), new))
    assert nmi.lost_runs == 6 and not any(change.part == "optimizer adam" for change in nmi.changes)
