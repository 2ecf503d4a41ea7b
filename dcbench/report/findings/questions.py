"""The questions of a reader, in the order in which they come up, and the findings that answer them."""

from __future__ import annotations

from collections.abc import Iterator

from dcbench.analysis.summary import Analysis
from dcbench.audit.axes import Audit
from dcbench.report.findings.choices import find_choice_effects
from dcbench.report.findings.finding import Finding, Kind
from dcbench.report.findings.learning import find_learning
from dcbench.report.findings.runs import (
    find_audit_results,
    find_cost,
    find_health,
    find_reliability,
    find_ruler_agreement,
    find_unfinished,
    find_warnings,
)

QUESTIONS: dict[Kind, str] = {
    "choice": "Which choices matter?",
    "backend": "Are the libraries interchangeable?",
    "learned": "Did training help?",
    "failed": "What is missing?",
    "cost": "What did it cost?",
    "trust": "How far can it be trusted?",
}


def list_findings(analysis: Analysis, audit: Audit) -> Iterator[Finding]:
    """Yield everything that can be said in a sentence."""
    yield from find_choice_effects(analysis)
    yield from find_learning(analysis)
    yield from find_health(analysis)
    yield from find_unfinished(analysis)
    yield from find_cost(analysis)
    yield from find_reliability(analysis)
    yield from find_ruler_agreement(analysis)
    yield from find_audit_results(audit)
    yield from find_warnings(analysis)


def answer_questions(analysis: Analysis, audit: Audit) -> list[tuple[str, list[Finding]]]:
    """Return each question that has an answer with its findings."""
    findings = list(list_findings(analysis, audit))
    answers = {text: [finding for finding in findings if finding.kind == kind] for kind, text in QUESTIONS.items()}
    return [(question, answer) for question, answer in answers.items() if answer]
