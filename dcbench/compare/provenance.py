"""What the runs of two result sets were made with, pair by pair, and whether their random numbers are the same.

In: pairs of run folders. Out: a MadeWith, from their provenance.json and audit.json; what runs do not tell is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dcbench.audit.expectations import COMMON, INEXACT, look_up
from dcbench.core.spec import format_value
from dcbench.core.store.provenance import changed_values, environment_facts
from dcbench.core.store.run_dir import RunDir
from dcbench.errors import ResultsError

Pair = tuple[RunDir, RunDir]

DRAWN = {name: path for name, path in COMMON.items() if name not in INEXACT}
"""Random numbers that come from the seed tree alone, and where audit.json tells their digest."""


@dataclass(frozen=True)
class FactDiff:
    """A fact that differs in some pairs: how many, and its values with the number of runs that have them."""

    name: str
    pairs: int
    old: dict[str, int]
    new: dict[str, int]


@dataclass(frozen=True)
class ProvenanceDiff:
    """What pairs of runs were made with.

    `recorded`: pairs that both tell it. `differ`: facts that are not the same in all of these. `alike`: those that have
    one value throughout. `drawn`: random numbers -> pairs in which they are the same, and pairs that both tell them.
    """

    pairs: int
    recorded: int
    differ: tuple[FactDiff, ...]
    alike: dict[str, str]
    drawn: dict[str, tuple[int, int]]

    @property
    def apart(self) -> list[str]:
        """Random numbers that some pair does not share."""
        return [name for name, (same, told) in self.drawn.items() if same < told]

    def as_json(self) -> dict[str, Any]:
        """All of it for programs."""
        return asdict(self)


def compare_provenance(pairs: Sequence[Pair]) -> ProvenanceDiff:
    """What each pair was made with; a file that is torn counts as nothing told."""
    told = [(_facts(old), _facts(new)) for old, new in pairs]
    known = [pair for pair in told if all(pair)]
    names = Counter(name for pair in known for name in changed_values(*pair))
    differ = tuple(
        FactDiff(name, count, *(_tally(pair[side].get(name) for pair in known) for side in (0, 1)))
        for name, count in names.items()
    )
    return ProvenanceDiff(len(pairs), len(known), differ, _alike(known), _drawn(pairs))


def _facts(folder: RunDir) -> dict[str, Any]:
    try:
        return environment_facts(folder.provenance())
    except ResultsError:
        return {}


def _tally(values: Iterable[object]) -> dict[str, int]:
    return dict(Counter("not recorded" if value is None else format_value(value) for value in values).most_common())


def _alike(known: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, str]:
    """The facts that all runs of both sides tell alike."""
    sides = [side for pair in known for side in pair]
    first = sides[0] if sides else {}
    return {
        name: format_value(value) for name, value in first.items() if all(side.get(name) == value for side in sides)
    }


def _drawn(pairs: Sequence[Pair]) -> dict[str, tuple[int, int]]:
    same, told = Counter[str](), Counter[str]()
    for old, new in ((old.audit(), new.audit()) for old, new in pairs):  # one pair at a time: they are large
        for name, path in DRAWN.items():
            digests = look_up(old, path), look_up(new, path)
            if None not in digests:
                told[name] += 1
                same[name] += digests[0] == digests[1]
    return {name: (same[name], told[name]) for name in DRAWN}
