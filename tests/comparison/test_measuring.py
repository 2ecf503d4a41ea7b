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


def write(place, text=TEXT, nmi=score):
    """A set of made-up runs with scores by the spec."""
    folder, plan = MatrixDir(place / "m"), plan_of(text)
    status.store_plan(plan, folder)
    for spec in plan.planned:
        fill(folder, spec.run_id, spec, epochs=spec.epochs, nmi=nmi(spec))
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return write(tmp_path_factory.mktemp("first"))


@pytest.fixture
def made(tmp_path, first):
    """A set in a folder of its own: the first one's copy, or another one."""

    def make(name, *arguments, **more):
        if arguments or more:
            return write(tmp_path / name, *arguments, **more)
        shutil.copytree(first.path, tmp_path / name / "m")
        return MatrixDir(tmp_path / name / "m")

    return make


def compared(old, new, rules=None):
    return measuring.compare_results(results.read_results(old), results.read_results(new), OUTCOMES, rules or {})


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


def test_two_sets_alike_are_identical_in_every_part_and_value(made):
    comparison = compared(made("old"), made("new"))
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


def test_one_value_that_is_worse_is_comparison_and_the_other_is_identical(made):
    comparison = compared(made("old"), made("new", nmi=lambda spec: score(spec) - 0.1 * (spec.optimizer == "adam")))
    by_part = verdicts(comparison)
    assert by_part["", ""] == by_part[ADAM] == "worse" and by_part[SGD] == "identical"
    assert list(by_part) == [("", ""), SGD, ADAM, ("limit", "none"), ("limit", "500")]
    overall = metric(comparison).changes[0]
    assert overall.old - overall.new == pytest.approx(0.05) and overall.pairs == 12
    assert comparison.runs.identical == 6
    gain = metric(comparison, "gain_nmi_true").changes[0]
    assert gain.verdict in ("same", "identical"), "row 0 fell as much"


def test_rules_make_the_curves_into_numbers(made):
    comparison = compared(made("old"), made("new"), {"nmi_true": CurveRule(last=2)})
    assert metric(comparison).rule == "mean of the last 2 rows" and metric(comparison, "seconds").rule == "whole run"
    assert metric(comparison).changes[0].old == pytest.approx(0.41 + 0.15)


def test_unequal_sets_are_compared_where_both_have_runs(made):
    other = TEXT.replace("[null, 500]", "[null, 400]").replace("[0, 1, 2]", "[0, 1, 2, 3]")
    comparison = compared(made("old"), made("new", other))
    assert (comparison.runs.planned_in_both, comparison.runs.planned_in_one, comparison.runs.planned) == (
        6,
        (6, 10),
        (12, 16),
    )
    assert list(verdicts(comparison)) == [("", ""), SGD, ADAM], "limit has one value left"
    assert metric(comparison).changes[0].pairs == 6


def test_sets_without_a_run_in_common_say_what_keeps_them_apart(made):
    with pytest.raises(ResultsError, match=r"no run in common.*width is 0\.05 in OLD and 0\.1 in NEW"):
        compared(made("old"), made("new", TEXT.replace("width: 0.05", "width: 0.1")))
    crossed = "name: m\nzip: [{optimizer: [sgd, adam], k: [%s]}]\nsettings: {epochs: 2, pca_dim: 8}\n"
    with pytest.raises(ResultsError, match="every field has values in common, but no run"):
        compared(made("third", crossed % "5, 6"), made("fourth", crossed % "6, 5"))


def test_runs_that_are_not_done_are_listed_with_their_state_and_are_in_no_mean(made):
    old, new = made("old"), made("new")
    run_of(new, optimizer="adam", seed=0).write_state(RunState(name="failed", kind="nan", reason="the loss became nan"))
    run_of(new, optimizer="adam", seed=1).state_file.unlink()
    run_of(old, optimizer="sgd", seed=0).write_state(RunState(name="failed", kind="crash", reason="died"))
    for folder in (old, new):
        run_of(folder, optimizer="sgd", seed=1).write_state(RunState(name="skipped", kind=None, reason="why not"))
    comparison = compared(old, new)
    runs = comparison.runs
    assert (runs.planned, runs.done, runs.planned_in_both, len(runs.compared)) == ((12, 12), (10, 9), 12, 8)
    assert [(run.old, run.new, run.reason) for run in runs.done_only_in_old] == [
        ("done", "failed (nan)", "the loss became nan"), ("done", "pending", ""),
    ]  # fmt: skip
    assert [(run.old, run.new, run.reason) for run in runs.done_only_in_new] == [("failed (crash)", "done", "died")]
    assert [(run.old, run.new, run.reason) for run in runs.done_in_neither] == [("skipped", "skipped", "why not")]
    overall = metric(comparison).changes[0]
    assert overall.pairs + overall.left_out == 8 and overall.pairs == overall.cells * overall.seeds


def test_a_torn_file_fails_that_run_only(made):
    old, new = made("old"), made("new")
    torn = run_of(new, optimizer="adam", seed=2)
    torn.metrics_file.write_text(torn.metrics_file.read_text()[:-30])
    comparison = compared(old, new)
    (lost,) = comparison.runs.done_only_in_old
    assert lost.run_id == torn.path.name and lost.new == "failed (lost)" and "2 of 3 rows" in lost.reason
    assert len(comparison.runs.compared) == 11 and set(verdicts(comparison).values()) == {"identical"}


def test_nothing_done_in_new_is_all_gone_and_nothing_done_in_old_an_error(made):
    old, new = made("old"), made("new")
    for path in new.path.glob("*/state.json"):
        path.unlink()
    comparison = compared(old, new)
    assert len(comparison.runs.done_only_in_old) == 12 and comparison.runs.compared == () and comparison.metrics == ()
    with pytest.raises(ResultsError, match="of the 12 runs that OLD and NEW have in common none is done in OLD"):
        compared(new, old)


def test_a_metric_that_some_runs_of_new_do_not_have_is_counted(made):
    old, new = made("old"), made("new")
    for path in sorted(new.path.glob("*/metrics.csv"))[:5]:
        without_column(new.run_dir(path.parent.name), "nmi_true")
    nmi = metric(compared(old, new))
    assert nmi.lost_runs == 5 and nmi.changes[0].pairs + nmi.changes[0].left_out == 7
    assert metric(compared(new, old)).lost_runs == 0


def test_a_metric_that_no_run_of_new_has_is_counted(made):
    old, new = made("old"), made("new")
    for path in new.path.glob("*/metrics.csv"):
        without_column(new.run_dir(path.parent.name), "nmi_true")
    comparison = compared(old, new)
    assert metric(comparison).lost_runs == 12 and metric(comparison).changes == ()
    assert comparison.runs.identical == 12, "in every value that both have"


def test_one_run_and_one_seed_give_identical_or_no_verdict(made):
    single = TEXT.replace("[sgd, adam]", "[sgd]").replace("[null, 500]", "[500]").replace("[0, 1, 2]", "[0]")
    old, same, other = made("old", single), made("same", single), made("other", single, nmi=lambda spec: 0.1)
    assert verdicts(compared(old, same)) == {("", ""): "identical"}
    assert verdicts(compared(old, other)) == {("", ""): "too few seeds"}


def test_fields_that_move_together_are_one_axis_and_values_are_shown_as_they_are(made):
    text = """name: m
axes: {dataset: ["imagefolder:/a [b]/<script>\U0001f642", digits]}
zip: [{k: [5, 6], limit: [null, 500]}]
seeds: [0, 1, 2]
settings: {epochs: 2, pca_dim: 8}
"""
    by_part = verdicts(compared(made("old", text), made("new", text)))
    assert ("k + limit", "5, none") in by_part and ("k + limit", "6, 500") in by_part
    assert ("dataset", "imagefolder:/a [b]/<script>\U0001f642") in by_part


def test_baselines_are_compared_by_their_last_row(made):
    text = TEXT + "baselines: [pixels, supervised]\n"
    moved = made("new", text, nmi=lambda spec: score(spec) - 0.2 * (spec.method == "pixels"))
    comparison = compared(made("old", text), moved)
    by_part = verdicts(comparison)
    assert (
        by_part["baseline", "pixels"] == "worse" and by_part["baseline", "supervised"] == by_part["", ""] == "identical"
    )
    assert comparison.runs.compared_baselines == comparison.runs.planned_in_both - 12 > 0
    assert ("baseline", "supervised") not in verdicts(comparison, "gain_nmi_true"), "its row 0 is not read"
    for path in moved.path.glob("*-s?-*/state.json"):
        if "pixels" not in path.parent.name:
            path.unlink()
    alone = compared(MatrixDir(moved.path.parent.parent / "old" / "m"), moved)
    assert list(verdicts(alone)) == [("baseline", "pixels")]


def test_every_value_that_is_no_cost_counts_for_identical():
    assert {"nmi_true", "loss", "feature_rank"} <= {*measuring.REPEATABLE_COLUMNS}
    assert not {name for name in measuring.REPEATABLE_COLUMNS if COLUMNS[name].cost}


def test_a_rule_that_leaves_no_run_a_number_is_refused(made):
    with pytest.raises(ResultsError, match="--rule nmi_true=mean of the last 100 rows: gives no run a number"):
        compared(made("old"), made("new"), {"nmi_true": CurveRule(last=100)})


def test_a_number_that_is_not_finite_counts_as_lost(made):
    new = made("new")
    for run in new.path.glob("*-adam-*/metrics.csv"):
        rows = pd.read_csv(run)
        rows.assign(nmi_true=[*rows["nmi_true"][:-1], float("-inf")]).to_csv(run, index=False)
    nmi = metric(compared(made("old"), new))
    assert nmi.lost_runs == 6 and not any(change.part == "optimizer adam" for change in nmi.changes)
