"""A matrix with repeats: scores are those of repeat 0, and everything else sees all runs."""

from dataclasses import replace
from functools import cache

import matplotlib
import pandas as pd

from dcbench import registry
from dcbench.analysis.summary import analyse
from dcbench.audit.axes import Audit
from dcbench.figures import choose_axes
from dcbench.figures.style.theme import STYLE
from dcbench.report.findings.questions import list_findings
from dcbench.report.html.run_table import make_run_table
from dcbench.report.tables import make_tables
from tests.helpers.analyses import make_results
from tests.helpers.text_overlap import find_faults

ONCE = """name: m
axes: {dataset: [digits, cifar10], k: [5, 10, 20]}
seeds: [0, 1, 2]
settings: {epochs: 2}
"""
TWICE = ONCE + "repeats: 2\n"

NO_AUDIT = Audit(name="m", runs=0, axes=[], failures=[])

NOISE_TABLES = {"noise_floor"}
"""Tables that repeats are for."""

RUN_TABLES = {"runs", "unfinished", "stage_times"}
"""Tables of runs, whichever their repeat."""

FIGURES = registry.plugin_names("figures")


@cache
def make_twice():
    """Return the results of the matrix with repeats; `make_once` has the same numbers in repeat 0."""
    return make_results(TWICE)


@cache
def make_once():
    results = make_twice()
    runs, rows = (frame[frame["repeat"] == 0].reset_index(drop=True) for frame in (results.runs, results.rows))
    return replace(results, runs=runs, rows=rows)


@cache
def make_second():
    """Return the results where only repeat 1 is finished."""
    first = make_results(TWICE).runs.query("repeat == 0").index
    return make_results(TWICE, pending=list(first))


@cache
def draw_figures(make):
    """Return every figure of a report by name and axis; None where there is nothing to show."""
    analysis, figures = analyse(make()), {}
    for name in FIGURES:
        for axis in choose_axes(registry.facts("figures", name), analysis):
            with matplotlib.rc_context(STYLE):
                figures[name, axis] = registry.load("figures", name).draw(analysis, axis)
    return figures


def test_tables_of_scores_are_those_of_repeat_0():
    once, twice = (make_tables(analyse(results), NO_AUDIT) for results in (make_once(), make_twice()))
    assert set(once) == set(twice)
    for name in set(once) - NOISE_TABLES - RUN_TABLES:
        pd.testing.assert_frame_equal(once[name], twice[name], obj=name)
    assert once["noise_floor"].empty and set(twice["noise_floor"]["source"]) == {"repeats"}


def test_tables_of_runs_have_all_of_them():
    tables = make_tables(analyse(make_twice()), NO_AUDIT)
    assert len(tables["runs"]) == 36 and tables["runs"]["nmi_true"].notna().all()
    assert set(tables["runs"]["repeat"]) == {0, 1}
    assert (tables["stage_times"].query("stage == 'train'")["runs"].sum()) == 36
    table = make_run_table(analyse(make_twice()))
    assert len(table.rows) == 36 and all(row.numbers[0] for row in table.rows) and "repeat" in table.fields


def test_every_figure_can_be_drawn():
    figures = draw_figures(make_twice)
    assert figures.keys() == draw_figures(make_once).keys()
    assert [key for key, figure in figures.items() if figure is None and key[0] != "parity"] == []
    for figure in filter(None, figures.values()):
        with matplotlib.rc_context(STYLE):
            figure.draw_without_rendering()


def test_effects_in_figures_are_those_of_repeat_0():
    once, figures = draw_figures(make_once), draw_figures(make_twice)
    for name in ("forest", "ranks"):
        for key in (key for key in figures if key[0] == name):
            for before, after in zip(once[key].axes, figures[key].axes, strict=True):
                lines = [[line.get_xydata().tolist() for line in panel.get_lines()] for panel in (before, after)]
                assert lines[0] == lines[1]


def test_findings_on_choices_are_those_of_repeat_0():
    once, twice = (list(list_findings(analyse(results), NO_AUDIT)) for results in (make_once(), make_twice()))
    for kind in ("choice", "backend"):
        texts = [
            [(finding.verdict, finding.tone) for finding in part if finding.kind == kind] for part in (once, twice)
        ]
        assert texts[0] == texts[1]
    (health,) = (finding for finding in twice if finding.about == "health")
    assert "36 runs are healthy" in health.text
    (done,) = (finding for finding in twice if finding.kind == "failed")
    assert "36 planned runs" in done.text


def test_only_repeat_1_finished():
    analysis = analyse(make_second())
    assert analysis.finals.empty and len(analysis.all_finals) == 18 and analysis.effects.empty
    assert analysis.noise_floor.empty, "one run of each experiment"
    findings = list(list_findings(analysis, NO_AUDIT))
    assert {"learned", "failed", "cost"} <= {finding.kind for finding in findings}
    assert all(finding.text for finding in findings)
    tables = make_tables(analysis, NO_AUDIT)
    assert (tables["final"]["done"] == 0).all() and (tables["final"]["planned"] == 3).all()
    assert len(make_run_table(analysis).rows) == 36
    for figure in filter(None, draw_figures(make_second).values()):
        with matplotlib.rc_context(STYLE):
            assert find_faults(figure) == []
