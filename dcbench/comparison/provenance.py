"""Compare the environments of two result sets pair by pair, and check that their random numbers are the same.

Pairs for which provenance.json or audit.json is missing or damaged are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dcbench.audit.expectations import COMMON_RANDOM_NUMBERS, INEXACT, look_up
from dcbench.core.spec import format_value
from dcbench.core.store.provenance import diff_values, extract_environment
from dcbench.core.store.run_dir import RunDir
from dcbench.errors import ResultsError

RANDOM_NUMBERS = {name: path for name, path in COMMON_RANDOM_NUMBERS.items() if name not in INEXACT}
"""Random numbers that follow from the seed tree alone -> the path of their digest in audit.json."""


@dataclass(frozen=True, kw_only=True)
class FactDiff:
    """A fact of the environment that differs in some pairs.

    Attributes:
        name: the fact, as in `torch`, `commit` or `dataset.sha256`.
        pairs: number of pairs in which it differs.
        old, new: its values in each set -> number of runs that have them, the most frequent first.
    """

    name: str
    pairs: int
    old: dict[str, int]
    new: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class ProvenanceDiff:
    """How the environments and the random numbers of paired runs differ.

    Attributes:
        recorded: pairs whose runs both have a readable provenance.json.
        differences: the facts that are not the same in all of these pairs.
        common: the facts that have one value in all runs of both sets.
        random_numbers: name -> number of pairs that share them, and number of pairs that both record them.
    """

    pairs: int
    recorded: int
    differences: tuple[FactDiff, ...]
    common: dict[str, str]
    random_numbers: dict[str, tuple[int, int]]

    @property
    def unshared(self) -> list[str]:
        """The random numbers that some pair does not share."""
        return [name for name, (shared, recorded) in self.random_numbers.items() if shared < recorded]

    def as_json(self) -> dict[str, Any]:
        """Return everything for programs."""
        # Programs rely on these keys, so they do not follow the names of the fields.
        return {
            "pairs": self.pairs, "recorded": self.recorded, "differ": [asdict(fact) for fact in self.differences],
            "alike": self.common, "drawn": self.random_numbers,
        }  # fmt: skip


def compare_provenance(pairs: Sequence[tuple[RunDir, RunDir]]) -> ProvenanceDiff:
    """Compare the environments and the random numbers of each pair; a torn provenance.json counts as none."""
    facts: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for old, new in pairs:
        try:
            sides = extract_environment(old.read_provenance()), extract_environment(new.read_provenance())
        except ResultsError:
            continue
        # A folder without provenance.json has no facts; counting them as different would blame the environment.
        if all(sides):
            facts.append(sides)
    old_runs, new_runs = [old for old, _ in facts], [new for _, new in facts]
    runs = [*old_runs, *new_runs]
    changed = Counter(name for sides in facts for name in diff_values(*sides))
    differences = tuple(
        FactDiff(name=name, pairs=count, old=_tally(old_runs, name), new=_tally(new_runs, name))
        for name, count in changed.items()
    )
    common = {
        name: format_value(value)
        for name, value in (runs[0] if runs else {}).items()
        if all(run.get(name) == value for run in runs)
    }
    shared, recorded = Counter[str](), Counter[str]()
    for old, new in pairs:
        # One pair at a time: an audit.json is large, and a set can have thousands of them.
        old_audit, new_audit = old.read_audit(), new.read_audit()
        for name, path in RANDOM_NUMBERS.items():
            old_digest, new_digest = look_up(old_audit, path), look_up(new_audit, path)
            if old_digest is not None and new_digest is not None:
                recorded[name] += 1
                shared[name] += old_digest == new_digest
    return ProvenanceDiff(
        pairs=len(pairs),
        recorded=len(facts),
        differences=differences,
        common=common,
        random_numbers={name: (shared[name], recorded[name]) for name in RANDOM_NUMBERS},
    )


def _tally(runs: Sequence[Mapping[str, Any]], name: str) -> dict[str, int]:
    """Return how many runs have each value of a fact, the most frequent first."""
    values = (run.get(name) for run in runs)
    texts = ("not recorded" if value is None else format_value(value) for value in values)
    return dict(Counter(texts).most_common())
