"""The public API, as a notebook uses it."""

import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from matplotlib.figure import Figure

import dcbench
from dcbench import registry
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.errors import DcbenchError, DeviceError, MatrixError, ResultsError
from dcbench.execution.scheduler import RunEvent
from tests.helpers import own_plugins
from tests.helpers.matrices import TINY
from tests.helpers.own_plugins import FIGURE, write_plugin
from tests.helpers.paths import TOP

SMALL = TOP / "results" / "small_cpu"
MATRIX = f"name: m\naxes: {{optimizer: [sgd, adam]}}\nsettings: {TINY}\n"


@pytest.fixture(scope="module")
def results():
    return dcbench.load_results(SMALL)


def test_importing_dcbench_loads_no_library_and_lists_the_api():
    code = (
        "import sys, dcbench; heavy = {'torch', 'pandas', 'matplotlib', 'numpy', 'pydantic'} & set(sys.modules);"
        "print(heavy, set(dcbench.__all__) <= set(dir(dcbench)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set() True"
    for name in dcbench.__all__:
        assert callable(getattr(dcbench, name)), f"{name} is hidden by a package of the same name"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = dcbench.nothing


def test_results_are_typed_frames_of_runs_and_epochs(results):
    assert len(results.runs) == 48 and len(results.metrics) == 48 * 4 and results.notes == []
    assert results.metrics["nmi_true"].dtype == float and isinstance(
        results.metrics["optimizer"].dtype, pd.CategoricalDtype
    )
    assert results.axes["optimizer"] == ("sgd", "adam") and results.name == "small_cpu"
    frame = results.runs
    frame["state"] = "changed"
    assert set(results.runs["state"]) == {"done"}, "frames are copies"


def test_baselines_are_counted_apart_and_have_their_last_row(results):
    baselines = results.baselines
    assert set(baselines["method"]) == {"pixels", "supervised"} and set(baselines["state"]) == {"done"}
    assert not set(baselines["run_id"]) & set(results.runs["run_id"]) and baselines["nmi_true"].notna().all()
    baselines["nmi_true"] = 2.0
    assert (results.baselines["nmi_true"] < 1).all(), "frames are copies"


def test_an_analysis_is_computed_once_for_each_choice_of_margins_and_rules(results):
    assert results.analyse() is results.analyse() is results.analyse({}, {})
    narrow = results.analyse({"nmi_true": 0.001})
    assert narrow is results.analyse(margins={"nmi_true": 0.001}) is not results.analyse()
    # One text that is a margin here and a rule there must not be taken for the other.
    assert results.analyse(rules={"nmi_true": "mean:2"}) is not narrow
    assert results.analyse().finals is not results.analyse(rules={"nmi_true": "mean:2"}).finals


def test_a_spec_of_the_api_is_checked_like_one_of_a_matrix():
    spec = dcbench.RunSpec(optimizer="adam")
    assert spec.lr == 0.001 and spec.run_id == dcbench.RunSpec(lr=0.001, optimizer="adam").run_id
    for values in ({"optimiser": "adam"}, {"k": "10"}, {"lr": -1.0}):
        with pytest.raises(ValueError, match=next(iter(values))):
            dcbench.RunSpec(**values)
    with pytest.raises(ValueError, match="frozen"):
        spec.k = 5


def test_a_matrix_with_mistakes_raises_all_of_them_with_their_places(tmp_path):
    (tmp_path / "m.yaml").write_text("name: m\naxes: {optimizer: [sgd, adma], arch: [alexnte]}\nsedes: [1]\n")
    with pytest.raises(MatrixError) as caught:
        dcbench.read_matrix(tmp_path / "m.yaml")
    assert len(caught.value.mistakes) == 3 and f"{tmp_path / 'm.yaml'}:2:25: axes.optimizer.1: " in str(caught.value)


def test_effects_agree_with_the_report(results):
    table = pd.read_csv(TOP / "reports" / "small_cpu" / "tables" / "effects.csv")
    effects = results.effects()
    assert list(effects.columns) == list(table.columns) and len(effects) == len(table)
    assert effects["mean"].to_numpy() == pytest.approx(table["mean"].to_numpy(), nan_ok=True)
    assert set(results.effects("nmi_true", axis="backend")["metric"]) == {"nmi_true"}
    within = results.effects("nmi_true", axis="backend", by_dataset=True)
    pooled = results.effects("nmi_true", axis="backend")["mean"].item()
    assert within["dataset"].tolist() == ["mnist", "cifar10"] and within["mean"].mean() == pytest.approx(pooled)
    wide = results.effects("nmi_true", margins={"nmi_true": 0.9})
    assert set(wide["verdict"]) == {"same"}, "a margin of 0.9 is wider than any effect"
    assert set(results.effects("nmi_true", rules={"nmi_true": "mean:2"})["rule"]) == {"mean of the last 2 rows"}


def test_figures_are_drawn_for_the_given_axis(results):
    figure = results.plot("curves", axis="optimizer")
    assert isinstance(figure, Figure) and figure.axes
    assert isinstance(results.plot("forest"), Figure)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (lambda results: results.effects("nmi"), "unknown metric 'nmi'. Known: nmi_true, ami_true"),
        (lambda results: results.effects(axis="optimiser"), "unknown axis 'optimiser'. Did you mean 'optimizer'?"),
        (
            lambda results: results.effects(margins={"nmi_tru": 0.1}),
            "unknown metric 'nmi_tru'. Did you mean 'nmi_true'?",
        ),
        (lambda results: results.effects(margins={"nmi_true": -1}), "margin -1 of nmi_true: must be above 0"),
        (lambda results: results.effects(rules={"nmi_true": "median"}), "expected final, mean:N"),
        (lambda results: dcbench.write_report(SMALL, formats=["xlsx"]), "unknown format 'xlsx'. Known: png"),
        (lambda results: dcbench.write_report(SMALL, margins={"nope": 1}), "unknown metric 'nope'"),
        (lambda results: dcbench.compare(results, SMALL, rules={"nope": "mean:2"}), "unknown metric 'nope'"),
        (lambda results: dcbench.run_matrix(TOP / "matrices" / "quickstart.yaml", executor="nope"), "unknown executor"),
        (lambda results: results.plot("curve"), "unknown figure 'curve'. Did you mean 'curves'?"),
        (lambda results: results.plot("curves"), "choose axis= from"),
        (lambda results: results.plot("forest", axis="optimizer"), "it is not drawn along an axis"),
        (lambda results: results.plot("numeric"), "do not go together"),
        (lambda results: dcbench.load_results(TOP / "results"), "matrices; name one of"),
        (lambda results: dcbench.load_results(TOP / "nowhere"), "no such results folder"),
    ],
)
def test_wrong_arguments_are_errors_that_list_the_known_values(results, action, expected):
    with pytest.raises(DcbenchError, match=re.escape(expected)):
        action(results)


def test_the_notebook_view_shows_counts_and_effects_and_is_escaped(results):
    text = results._repr_html_()
    assert "48 runs, 48 done" in text and "<table" in text and "optimizer" in text
    results_of_a_name = dcbench.load_results(SMALL)
    results_of_a_name.__dict__["_results"] = results._results.__class__(
        **{**vars(results._results), "name": "<script>"}
    )
    assert "<script>" not in results_of_a_name._repr_html_()


def test_a_matrix_can_be_run_reported_audited_and_compared(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (tmp_path / "m.yaml").write_text(MATRIX)
    plan = dcbench.read_matrix(tmp_path / "m.yaml")
    assert [spec.optimizer for spec in plan.runs] == ["sgd", "adam"] and isinstance(plan.runs[0], dcbench.RunSpec)
    events = []
    results = dcbench.run_matrix(
        plan, tmp_path / "results", executor="inline", data_dir=tmp_path, on_event=events.append
    )
    assert list(results.runs["state"]) == ["done", "done"] and len(results.metrics) == 4
    assert events and all(isinstance(event, RunEvent) for event in events)
    assert results.audit().passed
    again = []
    dcbench.run_matrix(tmp_path / "m.yaml", tmp_path / "results", executor="inline", on_event=again.append)
    assert again == [], "everything is done already"
    page = dcbench.write_report(tmp_path / "results" / "m", tmp_path / "reports", formats=["csv"])
    assert page == tmp_path / "reports" / "m" / "index.html" and page.exists()
    assert (page.parent / "tables" / "effects.csv").exists() and not (page.parent / "data.parquet").exists()
    comparison = dcbench.compare(results, tmp_path / "results" / "m")
    assert {change.verdict for metric in comparison.metrics for change in metric.changes} == {"identical"}


def test_result_sets_without_common_runs_are_not_compared():
    with pytest.raises(ResultsError):
        dcbench.compare(SMALL, TOP / "results" / "recipe_cpu")


# --- running: stops, threads, executors -------------------------------------------------------


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Four tiny runs on the CPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (tmp_path / "m.yaml").write_text(MATRIX + "seeds: [0, 1]\n")
    return dcbench.read_matrix(tmp_path / "m.yaml")


@pytest.fixture
def unfinished(plan, tmp_path):
    """Return the results of a matrix without a finished run."""
    status.store_plan(plan, MatrixDir(tmp_path / "results" / "m"))
    return dcbench.load_results(tmp_path / "results" / "m")


def test_ctrl_c_stops_cleanly_raises_and_the_same_call_continues(plan, tmp_path):
    def press_after_the_first(event):
        if event.ended:
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"stopped; run_matrix\('m', ...\) continues"):
        dcbench.run_matrix(plan, tmp_path / "results", executor="inline", on_event=press_after_the_first)
    assert signal.getsignal(signal.SIGINT) is handler
    assert sorted(dcbench.load_results(tmp_path / "results").runs["state"]) == ["done", *["pending"] * 3]
    events = []
    results = dcbench.run_matrix(plan, tmp_path / "results", executor="inline", on_event=events.append)
    assert set(results.runs["state"]) == {"done"} and sum(event.ended for event in events) == 3


def test_an_exception_in_on_event_stops_the_runs(plan, tmp_path):
    def fail(event):
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        dcbench.run_matrix(plan, tmp_path / "results", executor="inline", on_event=fail)
    assert set(dcbench.load_results(tmp_path / "results").runs["state"]) == {"pending"}


def test_a_matrix_runs_in_another_thread_too(plan, tmp_path):
    with ThreadPoolExecutor(1) as pool:
        results = pool.submit(dcbench.run_matrix, plan, tmp_path / "results", executor="inline").result()
    assert set(results.runs["state"]) == {"done"}


def test_the_inline_executor_refuses_jobs_before_anything_is_stored(plan, tmp_path):
    with pytest.raises(
        DeviceError, match=r"jobs=2: the inline executor .* one run after another; use executor='local'"
    ):
        dcbench.run_matrix(plan, tmp_path / "results", executor="inline", jobs=2)
    assert not (tmp_path / "results").exists()
    assert len(dcbench.run_matrix(plan, tmp_path / "results", executor="inline", jobs=1).metrics) == 8


def test_results_without_a_finished_run_have_no_figures_and_empty_frames(unfinished):
    for name, axis in (("forest", None), ("curves", "optimizer"), ("curves", None)):
        with pytest.raises(DcbenchError, match=f"figure '{name}' has nothing to show: no run of m is finished"):
            unfinished.plot(name, axis)
    assert unfinished.plot("coverage").axes, "a figure of the plan needs no finished run"
    assert unfinished.effects().empty and unfinished.metrics.empty and unfinished.baselines.empty
    assert repr(unfinished) == "MatrixResults('m': 4 runs, 4 pending)" and "4 pending" in unfinished._repr_html_()


def test_runs_that_are_no_longer_planned_are_left_out_and_noted(unfinished, plan):
    other = plan.runs[0].model_copy(update={"seed": 9})
    unfinished.folder.run_dir(other.run_id).prepare(other)
    again = dcbench.load_results(unfinished.folder.path)
    assert len(again.runs) == 4 and other.run_id not in set(again.runs["run_id"])
    (note,) = again.notes
    assert "left out 1 run that the matrix no longer plans" in note


def test_an_audit_without_finished_runs_passes_without_verdicts(unfinished):
    audit = unfinished.audit()
    assert audit.passed and audit.runs == 0 and [axis.verdict for axis in audit.axes] == ["no pairs"]


# --- plug-ins of the user's own ---------------------------------------------------------------


def test_every_function_takes_folders_of_own_plugins(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    write_plugin(tmp_path / "parts")
    write_plugin(tmp_path / "figures_only", FIGURE, "figures", "losses")
    (tmp_path / "m.yaml").write_text(own_plugins.MATRIX)
    with pytest.raises(DcbenchError, match="unknown arch 'own'"):
        dcbench.read_matrix(tmp_path / "m.yaml")
    assert len(dcbench.read_matrix(tmp_path / "m.yaml", plugins=[tmp_path / "parts"]).runs) == 4
    registry.use_plugins([])
    results = dcbench.run_matrix(
        tmp_path / "m.yaml", tmp_path / "results", executor="inline", plugins=[str(tmp_path / "parts")]
    )
    assert set(results.runs["state"]) == {"done"}
    registry.use_plugins([])
    page = dcbench.write_report(
        results.folder.path, tmp_path / "reports", formats=["svg"], plugins=[tmp_path / "figures_only"]
    )
    assert (page.parent / "figures" / "losses.svg").exists()
    registry.set_state(((), {}))
    (tmp_path / "results" / "m" / "plugins.json").unlink()  # as in results of which nothing is remembered
    with pytest.raises(DcbenchError, match="unknown arch 'own'"):
        dcbench.compare(results.folder.path, results.folder.path)
    comparison = dcbench.compare(results.folder.path, results.folder.path, plugins=[tmp_path / "parts"])
    assert {change.verdict for metric in comparison.metrics for change in metric.changes} == {"identical"}


def test_plugins_of_one_call_stay_known_in_the_next(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    write_plugin(first)
    write_plugin(second, FIGURE, "figures", "losses")
    dcbench.load_results(SMALL, plugins=[first])
    assert isinstance(dcbench.load_results(SMALL, plugins=[second]).plot("losses"), Figure)
    assert registry.search_path() == (first, second)
    with pytest.raises(DcbenchError, match="no such folder of plug-ins"):
        dcbench.load_results(SMALL, plugins=[tmp_path / "none"])
    assert registry.search_path() == (first, second)


def test_another_ruler_can_judge_and_an_unknown_one_is_refused(results):
    assert results.analyse(judge_by="own").quality == "nmi_true"
    assert results.analyse(judge_by="refit").quality == "refit_nmi_true"
    assert results.analyse(judge_by="own") is results.analyse(judge_by="own") is not results.analyse(judge_by="refit")
    with pytest.raises(DcbenchError, match=re.escape("unknown ruler 'refti'. Did you mean 'refit'")):
        results.analyse(judge_by="refti")
