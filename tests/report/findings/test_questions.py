from dataclasses import replace

from dcbench.analysis.summary import analyse
from dcbench.audit.axes import Audit
from dcbench.report.findings.questions import QUESTIONS, answer_questions, list_findings
from dcbench.report.html.page import PAGE_SECTIONS, SUBSECTIONS
from tests.helpers.analyses import make_results
from tests.helpers.findings import SMALL, SPOKEN_OF

NOTHING = Audit(name="m", runs=0, axes=[], failures=[])


def test_questions_come_in_the_order_in_which_a_reader_asks_and_none_without_an_answer():
    found = answer_questions(analyse(make_results(SMALL), SPOKEN_OF), NOTHING)
    assert [question for question, _ in found] == list(QUESTIONS.values())
    assert {one.about for one in found[0][1]} >= {"optimizer", "dataset"} and found[1][1][0].about == "backend"
    alone = "name: m\nseeds: [0]\nsettings: {epochs: 1}\n"
    assert [question for question, _ in answer_questions(analyse(make_results(alone), SPOKEN_OF), NOTHING)] == [
        "Did training help?", "What is missing?", "What did it cost?",
    ]  # fmt: skip


def test_nothing_done_says_only_that():
    found = make_results(SMALL, pending=range(24))
    analysis = analyse(replace(found, runs=found.runs.assign(seconds=None)))
    assert [one.text for one in list_findings(analysis, NOTHING)] == [
        "No run is finished, so nothing was learned yet.", "24 of 24 planned runs are pending: 24 it pending.",
    ]  # fmt: skip


def test_every_sentence_leads_to_a_section():
    analysis = analyse(make_results(SMALL, failed=[0]))
    assert {one.evidence for one in list_findings(analysis, NOTHING)} <= {*PAGE_SECTIONS, *SUBSECTIONS}
