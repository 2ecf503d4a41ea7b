"""The public API: what a notebook does with dcbench."""

import re
import subprocess
import sys

import pandas as pd
import pytest
from matplotlib.figure import Figure

import dcbench
from dcbench.errors import DcbenchError, ResultsError
from dcbench.execution.scheduler import RunEvent
from tests.helpers.matrices import TINY
from tests.helpers.paths import TOP

SMALL = TOP / "results" / "small_cpu"
MATRIX = f"name: m\naxes: {{optimizer: [sgd, adam]}}\nsettings: {TINY}\n"


@pytest.fixture(scope="module")
def results():
    return dcbench.load_results(SMALL)


def test_importing_dcbench_loads_no_library_and_offers_the_api():
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


def test_effects_are_those_of_the_report(results):
    table = pd.read_csv(TOP / "reports" / "small_cpu" / "tables" / "effects.csv")
    effects = results.effects()
    assert list(effects.columns) == list(table.columns) and len(effects) == len(table)
    assert effects["mean"].to_numpy() == pytest.approx(table["mean"].to_numpy(), nan_ok=True)
    assert set(results.effects("nmi_true", axis="backend")["metric"]) == {"nmi_true"}
    wide = results.effects("nmi_true", margins={"nmi_true": 0.9})
    assert set(wide["verdict"]) == {"same"}, "a margin of 0.9 is wider than any effect"
    assert set(results.effects("nmi_true", rules={"nmi_true": "mean:2"})["rule"]) == {"mean of the last 2 rows"}


def test_figures_are_drawn_along_the_axis_that_is_named(results):
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
def test_mistakes_say_what_is_known(results, action, expected):
    with pytest.raises(DcbenchError, match=re.escape(expected)):
        action(results)


def test_a_notebook_shows_counts_and_effects_with_everything_escaped(results):
    text = results._repr_html_()
    assert "48 runs, 48 done" in text and "<table" in text and "optimizer" in text
    results_of_a_name = dcbench.load_results(SMALL)
    results_of_a_name.__dict__["_results"] = results._results.__class__(
        **{**vars(results._results), "name": "<script>"}
    )
    assert "<script>" not in results_of_a_name._repr_html_()


def test_a_matrix_is_run_reported_audited_and_compared(tmp_path, monkeypatch):
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


def test_two_unlike_result_sets_are_not_compared():
    with pytest.raises(ResultsError):
        dcbench.compare(SMALL, TOP / "results" / "recipe_cpu")
