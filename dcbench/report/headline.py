"""What a matrix came to, in a few sentences, each made from the numbers that stand below it."""

from __future__ import annotations

from collections.abc import Iterator

from dcbench.analysis import Analysis
from dcbench.audit import Audit
from dcbench.health import ORDER
from dcbench.statistics.finals import GAIN


def sentences(told: Analysis, audited: Audit) -> Iterator[str]:
    """What training added, how healthy the runs are, whether the axes act."""
    gains = told.finals[GAIN].dropna()
    if len(gains):
        better = int((gains > 0).sum())
        yield (
            f"{better} of {len(gains)} runs end with a higher NMI with the truth than their own untrained network; "
            f"the median change is {gains.median():+.3f} ({gains.min():+.3f} to {gains.max():+.3f})."
        )
    counts = told.found.runs["health"].value_counts()
    if len(counts):
        words = ", ".join(f"{counts[state]} {state}" for state in ORDER if state in counts)
        yield f"Health of features and clusters, by a rule that never looks at the labels: {words}."
    if audited.axes:
        idle = [f"{axis.name} {axis.told}" for axis in audited.axes if not axis.verdict.startswith("acts")]
        names = ", ".join(axis.name for axis in audited.axes)
        yield f"Axes: {'; '.join(idle)}." if idle else f"Every axis acts, with common random numbers: {names}."
    if audited.problems:
        count = len(audited.problems)
        yield f"{count} check{'s' if count > 1 else ''} failed; see the audit."
    elif audited.runs:
        yield f"All checks of all {audited.runs} finished runs passed."
