"""Whether every choice of a matrix acted: checks of each run, and the matched pairs of each axis.

In: a matrix's finished runs with their audit.json. Out: an Audit: for each axis how many pairs of runs, alike in
all else, differ in what the choice did and in what came out, and which checks failed.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

from dcbench import registry
from dcbench.audit.expectations import COMMON_RANDOM_NUMBERS, EXPECTATIONS, INEXACT, look_up
from dcbench.audit.run_checks import CheckFailure, Facts, check_run
from dcbench.core.columns import COLUMNS
from dcbench.core.matrix.expand import Plan
from dcbench.core.spec import STAGE_BACKENDS, RunSpec, format_value
from dcbench.core.store import status as ledgers
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.status import MatrixStatus, PlannedRun

Verdict = Literal["acts", "acts, same outcome", "does nothing", "confounded", "no pairs"]

DERIVED = {"optimizer": ("lr",), "top_optimizer": ("top_lr",)}
"""Fields whose default follows from another one."""


@dataclass(frozen=True)
class AxisVerdict:
    """The matched pairs of one axis: in how many what it did, what came out, and the random numbers are as due.

    `idle`: values that no pair of runs tells apart. `blamed`: what makes the comparison worthless.
    """

    name: str
    pairs: int
    acted: int
    outcome: int
    common: int
    must_share: tuple[str, ...]
    follows: tuple[str, ...]
    confounders: tuple[str, ...]
    idle_values: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """What the pairs say."""
        if not self.pairs:
            return "no pairs"
        if self.confounders:
            return "confounded"
        if self.idle_values:
            return "does nothing"
        return "acts" if self.outcome else "acts, same outcome"

    @property
    def message(self) -> str:
        """The verdict with the fields that come along, the values that do nothing, or what is to blame."""
        if self.verdict == "confounded":
            return f"confounded by {', '.join(self.confounders)}"
        if self.verdict == "does nothing":
            return f"does nothing between {', nor between '.join(self.idle_values)}"
        along = f", with {', '.join(self.follows)}" if self.follows and self.pairs else ""
        return self.verdict + along


@dataclass(frozen=True)
class Audit:
    """What the audit of a matrix found."""

    name: str
    runs: int
    axes: list[AxisVerdict]
    failures: list[CheckFailure]
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every axis acts as declared and every check passed."""
        return not self.failures and not any(axis.verdict in ("does nothing", "confounded") for axis in self.axes)

    def as_json(self) -> dict[str, Any]:
        """Return the audit for programs; these keys are a format, whatever the fields are called."""
        axes = [
            {
                "name": axis.name, "pairs": axis.pairs, "witness": axis.acted, "outcome": axis.outcome,
                "common": axis.common, "must_share": axis.must_share, "follows": axis.follows,
                "blamed": axis.confounders, "idle": axis.idle_values, "verdict": axis.verdict, "told": axis.message,
            }
            for axis in self.axes
        ]  # fmt: skip
        problems = [
            {"run": failure.run, "check": failure.check, "told": failure.message, "field": failure.field}
            for failure in self.failures
        ]
        return {
            "name": self.name, "runs": self.runs, "axes": axes, "problems": problems, "notes": self.notes,
            "good": self.passed,
        }  # fmt: skip


@dataclass(frozen=True)
class RunEvidence:
    """What the comparison needs of a finished run: little of its audit.json, so that 10,000 fit into memory.

    `outcome`: a digest of all figures but time, memory and what only some libraries count. `witness`: what each field
    did, None where the part of the network that it should move did not. `common`: where its random numbers led to.
    """

    spec: RunSpec
    failures: list[CheckFailure]
    notes: list[str]
    outcome: str
    witness: dict[str, Hashable]
    common: dict[str, Any]
    exact: bool


def audit(folder: MatrixDir) -> Audit:
    """Audit every finished run of a matrix, and every axis over its matched pairs."""
    ledger = ledgers.read_status(folder)
    return audit_status(ledger, read_evidence(ledger.done, list_axis_fields(ledger.plan)))


def list_axis_fields(plan: Plan) -> list[str]:
    """The fields of the plan's axes."""
    return list(itertools.chain.from_iterable(plan.groups))


def audit_status(ledger: MatrixStatus, told: Iterable[RunEvidence | None]) -> Audit:
    """The audit of a matrix from the evidence of its finished runs, in the ledger's order."""
    plan, evident = ledger.plan, list(zip(ledger.done, told, strict=True))
    runs = [run for _, run in evident if run is not None]
    without = [entry.folder.path.name for entry, run in evident if run is None and _is_done(entry)]
    found = [problem for run in runs for problem in run.failures]
    if without:
        reason = f"{len(without)} runs have no audit.json that can be read; run the matrix again with --redo"
        found.append(CheckFailure(", ".join(without[:3]) + (" ..." if len(without) > 3 else ""), "audit", reason))
    cells = set(plan.runs)
    compared = [run for run in runs if run.spec in cells]
    axes = [_axis(plan, group, compared) for group in plan.groups]
    notes = dict.fromkeys(note for run in runs for note in run.notes)
    return Audit(plan.name, len(runs) + len(without), axes, found, list(notes))


def _is_done(entry: PlannedRun) -> bool:
    """Whether a run that was done still is; it may have been started again, or removed, since the ledger was made."""
    return entry.folder.read_planned_state(entry.spec).name == "done"


# --- evidence -------------------------------------------------------------------------------


def read_evidence(entries: Iterable[PlannedRun], names: Sequence[str]) -> list[RunEvidence | None]:
    """What each of these runs has to say about these fields; None where audit.json cannot be read."""
    return [_evidence(entry, names) for entry in entries]


def _evidence(entry: PlannedRun, names: Sequence[str]) -> RunEvidence | None:
    facts = entry.folder.read_audit()
    if facts is None:
        return None
    return RunEvidence(
        entry.spec,
        check_run(entry.folder.path.name, entry.spec, facts),
        list(_notes(entry.spec, facts)),
        _outcome(entry.folder),
        {name: _witness(facts, name) for name in names},
        {name: look_up(facts, path) for name, path in COMMON_RANDOM_NUMBERS.items()},
        bool(facts.get("exact", True)),
    )


OUTCOME = [name for name, column in COLUMNS.items() if not column.cost and name != "split_clusters"]


def _outcome(folder: RunDir) -> str:
    return _digest("\n".join(map(",".join, folder.read_columns(OUTCOME))))


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _notes(spec: RunSpec, facts: Facts) -> Iterator[str]:
    """What a reader must know although nothing is wrong: images in both splits of a dataset where none are known of."""
    known, seen = registry.facts("datasets", spec.dataset).get("duplicates"), look_up(facts, "data.duplicates")
    if known is None and seen:
        yield f"{spec.dataset}: {seen} training images are test images, pixel for pixel"


def _witness(facts: Facts, name: str) -> Hashable:
    """What a field did in a run; None where the part of the network that it should move did not."""
    traces = [EXPECTATIONS[one] for one in (STAGE_BACKENDS if name == "backend" else (name,))]
    if not all(_moved(facts, owner) for owner in {trace.moved for trace in traces} - {""}):
        return None
    seen = [look_up(facts, path) for trace in traces for path in trace.witness]
    return tuple(_digest(json.dumps(value)) if isinstance(value, list | dict) else value for value in seen)


def _moved(facts: Facts, owner: str) -> bool:
    """Whether a part of the network moved in every pass that tells."""
    values = look_up(facts, f"passes.*.{owner}_moved")
    return all(isinstance(value, int | float) and value > 0 for value in values if value is not None)


# --- axes -----------------------------------------------------------------------------------


def _axis(plan: Plan, group: tuple[str, ...], runs: Sequence[RunEvidence]) -> AxisVerdict:
    fields = tuple(itertools.chain.from_iterable(STAGE_BACKENDS if name == "backend" else (name,) for name in group))
    follows = _closure(plan, group)
    must = tuple(name for name in COMMON_RANDOM_NUMBERS if all(name in EXPECTATIONS[one].common for one in fields))
    pairs = list(_pairs(runs, [name for other in plan.groups if other != group for name in other]))
    acted = [_acted(*pair, group) for pair in pairs]
    apart = [[name for name in must if not _shared(*pair, name)] for pair in pairs]
    differing = {name for one, other in pairs for name in _differing(one, other)}
    undeclared = [name for name in RunSpec.model_fields if name in differing and name not in (*fields, *follows)]
    faults = dict.fromkeys(name for pair in pairs for name in _faults(*pair) if name not in fields)
    return AxisVerdict(
        name=" + ".join(group),
        pairs=len(pairs),
        acted=sum(acted),
        outcome=sum(one.outcome != other.outcome for one, other in pairs),
        common=sum(not names for names in apart),
        must_share=must,
        follows=tuple(name for name in follows if name in differing and name not in fields),
        confounders=tuple(dict.fromkeys([*undeclared, *faults, *itertools.chain.from_iterable(apart)])),
        idle_values=_idle(pairs, acted, group),
    )


def _closure(plan: Plan, group: tuple[str, ...]) -> tuple[str, ...]:
    """Fields that overrides set by the group's values, by what these set, and defaults that follow from them."""
    found = dict.fromkeys(group)
    while True:
        more = [name for one in found for name in (*plan.dependent_fields.get(one, ()), *DERIVED.get(one, ()))]
        if all(name in found for name in more):
            return tuple(name for name in found if name not in group)
        found |= dict.fromkeys(more)


def _acted(one: RunEvidence, other: RunEvidence, group: Sequence[str]) -> bool:
    """Whether every field of the group that differs shows it; a backend's stages count as one field."""
    return all(one.witness[name] != other.witness[name] for name in group if _differ(one, other, name))


def _idle(
    pairs: Sequence[tuple[RunEvidence, RunEvidence]], acted: Sequence[bool], group: Sequence[str]
) -> tuple[str, ...]:
    """Every two values of the axis that no pair tells apart, as `a and b`."""
    told: dict[tuple[str, ...], bool] = {}
    for pair, shows in zip(pairs, acted, strict=True):
        values = tuple(sorted(_value(run, group) for run in pair))
        told[values] = told.get(values, False) or shows
    return tuple(" and ".join(values) for values, shows in told.items() if not shows)


def _value(run: RunEvidence, group: Sequence[str]) -> str:
    return " + ".join(format_value(getattr(run.spec, name)) for name in group)


def _faults(one: RunEvidence, other: RunEvidence) -> list[str]:
    """Fields in which one run of the pair, and not the other, did not do what its spec says."""
    ours, theirs = ({problem.field for problem in run.failures if problem.field} for run in (one, other))
    return sorted(ours ^ theirs)


def _shared(one: RunEvidence, other: RunEvidence, name: str) -> bool:
    """Whether the pair shares these random numbers; what a run never drew or cannot repeat exactly is left out."""
    ours, theirs = one.common[name], other.common[name]
    return ours == theirs or None in (ours, theirs) or (name in INEXACT and not (one.exact and other.exact))


def _pairs(runs: Sequence[RunEvidence], others: Sequence[str]) -> Iterator[tuple[RunEvidence, RunEvidence]]:
    """Every two runs that agree on the seed and on all other axes."""
    alike: dict[Hashable, list[RunEvidence]] = defaultdict(list)
    for run in runs:
        alike[tuple(getattr(run.spec, name) for name in (*others, "seed"))].append(run)
    for together in alike.values():
        yield from itertools.combinations(together, 2)


def _differ(one: RunEvidence, other: RunEvidence, name: str) -> bool:
    """Whether the pair differs in an axis; one over backends may do so in a stage that a rule sets besides."""
    return name == "backend" or bool(getattr(one.spec, name) != getattr(other.spec, name))


def _differing(one: RunEvidence, other: RunEvidence) -> list[str]:
    ours, theirs = vars(one.spec), vars(other.spec)
    return [name for name, value in ours.items() if value != theirs[name]]
