from dataclasses import replace

from dcbench.analysis.summary import analyse
from dcbench.audit.axes import Audit
from dcbench.report.findings.questions import QUESTIONS, answer_questions, list_findings
from dcbench.report.html.page import PAGE_SECTIONS, SUBSECTIONS
from tests.helpers.analyses import make_results
from tests.helpers.findings import METRICS_USED, SMALL

NO_AUDIT = Audit(name="m", runs=0, axes=[], failures=[])


def test_questions_are_in_order_and_left_out_without_an_answer():
    answers = answer_questions(analyse(make_results(SMALL), METRICS_USED), NO_AUDIT)
    assert [question for question, _ in answers] == list(QUESTIONS.values())
    (_, choices), (_, backends), *_ = answers
    assert {finding.about for finding in choices} >= {"optimizer", "dataset"} and backends[0].about == "backend"
    single_cell = make_results("name: m\nseeds: [0]\nsettings: {epochs: 1}\n")
    assert [question for question, _ in answer_questions(analyse(single_cell, METRICS_USED), NO_AUDIT)] == [
        "Did training help?", "What is missing?", "What did it cost?", "How far can it be trusted?",
    ]  # fmt: skip


def test_without_a_finished_run_there_are_two_findings():
    results = make_results(SMALL, pending=range(24))
    analysis = analyse(replace(results, runs=results.runs.assign(seconds=None)))
    assert [finding.text for finding in list_findings(analysis, NO_AUDIT)] == [
        "No run is finished, so it is not known whether training helps.",
        "24 of 24 planned runs are pending: 24 it pending.",
    ]  # fmt: skip


def test_the_evidence_of_every_finding_is_a_section():
    analysis = analyse(make_results(SMALL, failed=[0]))
    assert {finding.evidence for finding in list_findings(analysis, NO_AUDIT)} <= {*PAGE_SECTIONS, *SUBSECTIONS}
