"""Whether every choice of a matrix acted: checks of each run, and the matched pairs of each axis.

In: a matrix's finished runs with their audit.json. Out: an Audit: for each axis how many pairs of runs, alike in
all else, differ in what the choice did and in what came out, and which checks failed.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from dcbench import ledger, rooms
from dcbench.checks import Facts, Problem, problems
from dcbench.columns import COLUMNS
from dcbench.matrix import Plan
from dcbench.rundir import MatrixDir, RunDir
from dcbench.spec import STAGE_BACKENDS, RunSpec, shown
from dcbench.traces import COMMON, INEXACT, TRACES, look

Verdict = Literal["acts", "acts, same outcome", "does nothing", "confounded", "no pairs"]

DERIVED = {"optimizer": ("lr",), "top_optimizer": ("top_lr",)}
"""Fields whose default follows from another one."""


@dataclass(frozen=True)
class Axis:
    """The matched pairs of one axis: in how many what it did, what came out, and the random numbers are as due.

    `idle`: values that no pair of runs tells apart. `blamed`: what makes the comparison worthless.
    """

    name: str
    pairs: int
    witness: int
    outcome: int
    common: int
    must_share: tuple[str, ...]
    follows: tuple[str, ...]
    blamed: tuple[str, ...]
    idle: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """What the pairs say."""
        if not self.pairs:
            return "no pairs"
        if self.blamed:
            return "confounded"
        if self.idle:
            return "does nothing"
        return "acts" if self.outcome else "acts, same outcome"

    @property
    def told(self) -> str:
        """The verdict with the fields that come along, the values that do nothing, or what is to blame."""
        if self.verdict == "confounded":
            return f"confounded by {', '.join(self.blamed)}"
        if self.verdict == "does nothing":
            return f"does nothing between {', nor between '.join(self.idle)}"
        along = f", with {', '.join(self.follows)}" if self.follows and self.pairs else ""
        return self.verdict + along


@dataclass(frozen=True)
class Audit:
    """What the audit of a matrix found."""

    name: str
    runs: int
    axes: list[Axis]
    problems: list[Problem]
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every axis acts as declared and every check passed."""
        return not self.problems and not any(axis.verdict in ("does nothing", "confounded") for axis in self.axes)


@dataclass(frozen=True)
class Run:
    """A finished run with its facts."""

    spec: RunSpec
    folder: RunDir
    facts: Facts

    @cached_property
    def outcome(self) -> Hashable:
        """All figures of the run but time, memory and what only some libraries count."""
        rows = csv.DictReader(io.StringIO(self.folder.metrics_text()[0]))
        kept = [name for name, column in COLUMNS.items() if not column.cost and name != "split_clusters"]
        return tuple(tuple(row.get(name) for name in kept) for row in rows)

    @cached_property
    def problems(self) -> list[Problem]:
        """The checks that this run fails."""
        return problems(self.folder.path.name, self.spec, self.facts)


def audit(folder: MatrixDir) -> Audit:
    """Audit every finished run of a matrix, and every axis over its matched pairs."""
    plan = ledger.stored_plan(folder)
    done = [entry for entry in ledger.entries(plan, folder) if entry.state.name == "done"]
    told = [(entry, entry.folder.audit()) for entry in done]
    runs = [Run(entry.spec, entry.folder, facts) for entry, facts in told if facts is not None]
    without = [entry.folder.path.name for entry, facts in told if facts is None]
    found = [problem for run in runs for problem in run.problems]
    if without:
        reason = f"{len(without)} runs have no audit.json that can be read; run the matrix again with --redo"
        found.append(Problem(", ".join(without[:3]) + (" ..." if len(without) > 3 else ""), "audit", reason))
    cells = set(plan.runs)
    compared = [run for run in runs if run.spec in cells]
    axes = [_axis(plan, group, compared) for group in plan.groups]
    return Audit(plan.name, len(done), axes, found, list(dict.fromkeys(note for run in runs for note in _notes(run))))


def _notes(run: Run) -> Iterator[str]:
    """What a reader must know although nothing is wrong: images in both splits of a dataset where none are known of."""
    known, seen = rooms.facts("datasets", run.spec.dataset).get("duplicates"), look(run.facts, "data.duplicates")
    if known is None and seen:
        yield f"{run.spec.dataset}: {seen} training images are test images, pixel for pixel"


# --- axes -----------------------------------------------------------------------------------


def _axis(plan: Plan, group: tuple[str, ...], runs: Sequence[Run]) -> Axis:
    fields = tuple(itertools.chain.from_iterable(STAGE_BACKENDS if name == "backend" else (name,) for name in group))
    follows = _closure(plan, group)
    must = tuple(name for name in COMMON if all(name in TRACES[one].common for one in fields))
    pairs = list(_pairs(runs, [name for other in plan.groups if other != group for name in other]))
    differing = {name for pair in pairs for name in RunSpec.model_fields if _differ(*pair, name)}
    undeclared = [name for name in RunSpec.model_fields if name in differing and name not in (*fields, *follows)]
    apart = dict.fromkeys(name for pair in pairs for name in must if not _shared(*pair, name))
    faults = dict.fromkeys(name for pair in pairs for name in _faults(*pair) if name not in fields)
    return Axis(
        name=" + ".join(group),
        pairs=len(pairs),
        witness=sum(_acted(*pair, group) for pair in pairs),
        outcome=sum(one.outcome != other.outcome for one, other in pairs),
        common=sum(all(_shared(*pair, name) for name in must) for pair in pairs),
        must_share=must,
        follows=tuple(name for name in follows if name in differing and name not in fields),
        blamed=tuple(dict.fromkeys([*undeclared, *faults, *apart])),
        idle=_idle(pairs, group),
    )


def _closure(plan: Plan, group: tuple[str, ...]) -> tuple[str, ...]:
    """Fields that overrides set by the group's values, by what these set, and defaults that follow from them."""
    found = dict.fromkeys(group)
    while True:
        more = [name for one in found for name in (*plan.sets.get(one, ()), *DERIVED.get(one, ()))]
        if all(name in found for name in more):
            return tuple(name for name in found if name not in group)
        found |= dict.fromkeys(more)


def _acted(one: Run, other: Run, group: Sequence[str]) -> bool:
    """Whether every field of the group that differs shows it; a backend's stages count as one field."""
    changed = [name for name in group if name == "backend" or _differ(one, other, name)]
    return all(_witness(one, name) != _witness(other, name) for name in changed)


def _idle(pairs: Sequence[tuple[Run, Run]], group: Sequence[str]) -> tuple[str, ...]:
    """Every two values of the axis that no pair tells apart, as `a and b`."""
    told: dict[str, bool] = {}
    for pair in pairs:
        values = sorted(" + ".join(shown(getattr(run.spec, name)) for name in group) for run in pair)
        name = " and ".join(values)
        told[name] = told.get(name, False) or _acted(*pair, group)
    return tuple(name for name, acted in told.items() if not acted)


def _faults(one: Run, other: Run) -> list[str]:
    """Fields in which one run of the pair, and not the other, did not do what its spec says."""
    ours, theirs = ({problem.field for problem in run.problems if problem.field} for run in (one, other))
    return sorted(ours ^ theirs)


def _shared(one: Run, other: Run, name: str) -> bool:
    """Whether the pair shares these random numbers; what a run never drew or cannot repeat exactly is left out."""
    ours, theirs = (look(run.facts, COMMON[name]) for run in (one, other))
    inexact = name in INEXACT and not (one.facts.get("exact", True) and other.facts.get("exact", True))
    return inexact or None in (ours, theirs) or ours == theirs


def _pairs(runs: Sequence[Run], others: Sequence[str]) -> Iterator[tuple[Run, Run]]:
    """Every two runs that agree on the seed and on all other axes."""
    alike: dict[Hashable, list[Run]] = defaultdict(list)
    for run in runs:
        alike[tuple(getattr(run.spec, name) for name in (*others, "seed"))].append(run)
    for together in alike.values():
        yield from itertools.combinations(together, 2)


def _differ(one: Run, other: Run, name: str) -> bool:
    return bool(getattr(one.spec, name) != getattr(other.spec, name))


def _witness(run: Run, name: str) -> list[Any] | None:
    """What a field did in a run; None where the part of the network that it should move did not."""
    fields = STAGE_BACKENDS if name == "backend" else (name,)
    moved = [value for one in fields for value in look(run.facts, f"passes.*.{TRACES[one].moved}_moved")]
    if not all(value > 0 for value in moved if value is not None):
        return None
    return [look(run.facts, path) for one in fields for path in TRACES[one].witness]
