"""What a matrix came to, in sentences made from its numbers, in the order in which a reader asks.

In: an Analysis and an Audit. Out: for each question its Sentences, each with the section that shows its evidence.
"""

from __future__ import annotations

from collections.abc import Iterator

from dcbench.analysis.summary import Analysis
from dcbench.audit.axes import Audit
from dcbench.report.findings.choices import what_choices_did
from dcbench.report.findings.runs import how_far_to_believe, what_failed, what_it_cost, what_was_learned
from dcbench.report.findings.wording import Kind, Sentence

QUESTIONS: dict[Kind, str] = {
    "choice": "Which choices matter?",
    "backend": "Are the libraries interchangeable?",
    "learned": "Did training help?",
    "failed": "What is missing?",
    "cost": "What did it cost?",
    "trust": "How far to believe it?",
}


def sentences(analysis: Analysis, audited: Audit) -> Iterator[Sentence]:
    """Everything that can be said in a sentence."""
    yield from what_choices_did(analysis)
    yield from what_was_learned(analysis)
    yield from what_failed(analysis)
    yield from what_it_cost(analysis)
    yield from how_far_to_believe(analysis, audited)


def answers(analysis: Analysis, audited: Audit) -> list[tuple[str, list[Sentence]]]:
    """The questions that have an answer, with their sentences."""
    every = list(sentences(analysis, audited))
    found = {question: [one for one in every if one.kind == kind] for kind, question in QUESTIONS.items()}
    return [(question, told_of) for question, told_of in found.items() if told_of]
