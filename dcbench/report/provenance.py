"""Where results come from: the matrix file as it was run, and the environments of its runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dcbench.core.store.provenance import extract_environment
from dcbench.core.store.status import MatrixStatus
from dcbench.errors import ResultsError

OTHER_FACTS = ("command", "runs_at_once")
"""Facts that cannot change what a run computes, but say how it was started."""


@dataclass(frozen=True, kw_only=True)
class ReportProvenance:
    """What a report says about the origin of its results.

    Attributes:
        matrix: The text of the matrix file.
        facts: Each fact about versions, machines, data and commands with its values, the most frequent first, and the
            number of runs that have each.
    """

    matrix: str
    facts: dict[str, list[tuple[str, int]]]


def read_provenance(status: MatrixStatus) -> ReportProvenance:
    """Read the provenance of all planned runs and baselines that have recorded any."""
    counts: dict[str, Counter[str]] = {}
    for run in status.runs:
        try:
            recorded = run.folder.read_provenance()
        except ResultsError:
            continue  # nothing is recorded, or the file is torn
        others = {name: recorded[name] for name in OTHER_FACTS if name in recorded}
        for name, value in (extract_environment(recorded) | others).items():
            counts.setdefault(name, Counter())[str(value)] += 1
    return ReportProvenance(
        matrix=status.plan.text, facts={name: values.most_common() for name, values in counts.items()}
    )
