"""Where results come from: the matrix file as it was run, and what its runs were made with.

In: a ledger. Out: an Origin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dcbench.core.store.provenance import extract_environment
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.status import MatrixStatus
from dcbench.errors import ResultsError

BESIDE = ("command", "runs_at_once")
"""Facts beside those that can change what a run computes."""


@dataclass(frozen=True)
class Origin:
    """`matrix`: the text of the file. `facts`: versions, machines, data, commands -> their values, how many runs each.

    The most frequent value comes first.
    """

    matrix: str
    facts: dict[str, list[tuple[str, int]]]


def read(ledger: MatrixStatus) -> Origin:
    """The origin of all planned runs and baselines."""
    facts: dict[str, Counter[str]] = {}
    for entry in ledger.runs:
        for name, value in _of_run(entry.folder):
            facts.setdefault(name, Counter())[value] += 1
    told = {name: values.most_common() for name, values in facts.items()}
    return Origin(ledger.plan.text, told)


def _of_run(run: RunDir) -> Iterable[tuple[str, str]]:
    """The facts of one run; nothing where none are recorded or the file is torn."""
    try:
        recorded = run.read_provenance()
    except ResultsError:
        return []
    told: dict[str, Any] = extract_environment(recorded) | {name: recorded[name] for name in BESIDE if name in recorded}
    return [(name, str(value)) for name, value in told.items()]
