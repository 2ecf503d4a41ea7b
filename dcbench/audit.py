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
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from dcbench import ledger
from dcbench.checks import Facts, Problem, problems
from dcbench.columns import COLUMNS
from dcbench.matrix import Plan
from dcbench.rundir import MatrixDir, RunDir
from dcbench.spec import STAGE_BACKENDS, RunSpec
from dcbench.traces import COMMON, TRACES, look

Verdict = Literal["acts", "acts, same outcome", "does nothing", "confounded", "no pairs"]

DERIVED = {"optimizer": ("lr",), "top_optimizer": ("top_lr",)}
"""Fields whose default follows from another one."""


@dataclass(frozen=True)
class Axis:
    """The matched pairs of one axis: in how many what it did, what came out, and the random numbers are as due."""

    name: str
    fields: tuple[str, ...]
    pairs: int
    witness: int
    outcome: int
    common: int
    must_share: tuple[str, ...]
    follows: tuple[str, ...]
    blamed: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """What the pairs say."""
        if not self.pairs:
            return "no pairs"
        if self.common < self.pairs or self.blamed:
            return "confounded"
        if not self.witness:
            return "does nothing"
        return "acts" if self.outcome else "acts, same outcome"

    @property
    def told(self) -> str:
        """The verdict with the fields that come along, or those to blame."""
        if self.verdict == "confounded":
            return f"confounded by {', '.join(self.blamed)}"
        along = f", with {', '.join(self.follows)}" if self.follows and self.pairs else ""
        return self.verdict + along


@dataclass(frozen=True)
class Audit:
    """What the audit of a matrix found."""

    name: str
    runs: int
    axes: list[Axis]
    problems: list[Problem]

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
        return list(problems(self.folder.path.name, self.spec, self.facts))


def audit(folder: MatrixDir) -> Audit:
    """Audit every finished run of a matrix, and every axis over its matched pairs."""
    plan = ledger.stored_plan(folder)
    done = [entry for entry in ledger.entries(plan, folder) if entry.state.name == "done"]
    runs, found = [], []
    for entry in done:
        facts = entry.folder.audit()
        if facts is None:
            told = f"{entry.folder.audit_file} is missing or not whole; run the matrix again with --redo"
            found.append(Problem(entry.folder.path.name, "audit", told))
        else:
            runs.append(Run(entry.spec, entry.folder, facts))
    found += [problem for run in runs for problem in run.problems]
    cells = set(plan.runs)
    compared = [run for run in runs if run.spec in cells]
    return Audit(plan.name, len(done), [_axis(plan, group, compared) for group in plan.groups], found)


# --- axes -----------------------------------------------------------------------------------


def _axis(plan: Plan, group: tuple[str, ...], runs: Sequence[Run]) -> Axis:
    fields = tuple(itertools.chain.from_iterable(STAGE_BACKENDS if name == "backend" else (name,) for name in group))
    follows = dict.fromkeys((*plan.follows[group], *(name for one in fields for name in DERIVED.get(one, ()))))
    must = tuple(name for name in COMMON if all(name in TRACES[one].common for one in fields))
    pairs = list(_pairs(runs, [name for other in plan.groups if other != group for name in other]))
    moved = {name for one, other in pairs for name in RunSpec.model_fields if _differ(one, other, name)}
    blamed = [name for name in moved if name not in (*fields, *follows)]
    blamed += [problem.field for pair in pairs for run in pair for problem in run.problems if problem.field]
    apart = [name for name in must if any(_look(a, COMMON[name]) != _look(b, COMMON[name]) for a, b in pairs)]
    return Axis(
        name=" + ".join(group),
        fields=fields,
        pairs=len(pairs),
        witness=sum(_witness(a, fields) != _witness(b, fields) for a, b in pairs),
        outcome=sum(a.outcome != b.outcome for a, b in pairs),
        common=sum(all(_look(a, COMMON[name]) == _look(b, COMMON[name]) for name in must) for a, b in pairs),
        must_share=must,
        follows=tuple(name for name in follows if name in moved and name not in fields),
        blamed=tuple(dict.fromkeys([*(name for name in blamed if name not in fields), *apart])),
    )


def _pairs(runs: Sequence[Run], others: Sequence[str]) -> Iterator[tuple[Run, Run]]:
    """Every two runs that agree on the seed and on all other axes."""
    alike: dict[Hashable, list[Run]] = defaultdict(list)
    for run in runs:
        alike[tuple(getattr(run.spec, name) for name in (*others, "seed"))].append(run)
    for together in alike.values():
        yield from itertools.combinations(together, 2)


def _differ(one: Run, other: Run, name: str) -> bool:
    return bool(getattr(one.spec, name) != getattr(other.spec, name))


def _witness(run: Run, fields: Sequence[str]) -> list[Any]:
    return [_look(run, path) for name in fields for path in TRACES[name].witness]


def _look(run: Run, path: str) -> Any:
    return look(run.facts, path)
