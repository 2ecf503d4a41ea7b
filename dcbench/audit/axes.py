"""Audit a matrix: check each run, and compare the runs that differ in one axis only.

The Audit counts for each axis in how many of these pairs the choice acted, and in how many the outcome differs.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

from dcbench import registry
from dcbench.audit.expectations import COMMON_RANDOM_NUMBERS, EXPECTATIONS, INEXACT, look_up
from dcbench.audit.run_checks import CheckFailure, Facts, check_run
from dcbench.core.columns import COLUMNS
from dcbench.core.matrix.expand import Plan
from dcbench.core.spec import SECTION_FIELDS, STAGE_BACKENDS, RunSpec, format_value
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.status import MatrixStatus, PlannedRun, read_status
from dcbench.core.text import join_fields, plural

AuditVerdict = Literal["acts", "acts, same outcome", "does nothing", "confounded", "no pairs"]

DEPENDENT_DEFAULTS = {"optimizer": ("lr",), "top_optimizer": ("top_lr",)}
"""Field -> fields whose default depends on it."""

OUTCOME_COLUMNS = [name for name, column in COLUMNS.items() if not column.cost and name != "split_clusters"]
"""Columns of metrics.csv that make the outcome: all but time and memory, and what only some libraries count."""


@dataclass(frozen=True, kw_only=True)
class AxisVerdict:
    """What the matched pairs of an axis show.

    Attributes:
        name: The axis as tables name it, such as `k + epochs`.
        acted: In how many of them every field of the axis shows that it acted.
        outcome: In how many of them the outcome differs.
        common: In how many of them the random numbers of `must_share` are the same.
        must_share: The random numbers that the axis must leave alone.
        follows: The other fields that change with the axis, as overrides and defaults declare.
        confounders: What else differs, so that the comparison is invalid.
        idle_values: Each two values that no pair tells apart, as the text `a and b`.
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
    def verdict(self) -> AuditVerdict:
        """The verdict on the axis."""
        if not self.pairs:
            return "no pairs"
        if self.confounders:
            return "confounded"
        if self.idle_values:
            return "does nothing"
        return "acts" if self.outcome else "acts, same outcome"

    @property
    def message(self) -> str:
        """The verdict with the fields that follow, the values that do nothing, or the confounders."""
        match self.verdict:
            case "confounded":
                return f"confounded by {', '.join(self.confounders)}"
            case "does nothing":
                return f"does nothing between {', nor between '.join(self.idle_values)}"
            case "acts" | "acts, same outcome" if self.follows:
                return f"{self.verdict}, with {', '.join(self.follows)}"
        return self.verdict


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The audit of a matrix.

    Attributes:
        runs: The number of finished runs.
        axes: The verdict on each axis.
        failures: The checks that runs failed.
        notes: What a reader should know, although it is no failure.
    """

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


@dataclass(frozen=True, kw_only=True)
class RunEvidence:
    """What an audit compares of a finished run: a small part of its audit.json, so that 10,000 runs fit into memory.

    Attributes:
        spec: The spec of the run.
        failures: The checks that it failed.
        notes: What a reader should know, although it is no failure.
        outcome: A digest of the columns of OUTCOME_COLUMNS.
        evidence: What each field did; None if the part of the network that it should move did not.
        random_numbers: The digest of each of COMMON_RANDOM_NUMBERS; None if the run never drew them.
        exact: Whether the run repeats to the last bit.
        plugins: The digest of the source of each of the user's own plug-ins that the run used.
    """

    spec: RunSpec
    failures: list[CheckFailure]
    notes: list[str]
    outcome: str
    evidence: dict[str, Hashable]
    random_numbers: dict[str, Any]
    exact: bool
    plugins: dict[str, str]


def audit(folder: MatrixDir) -> Audit:
    """Audit every finished run of a matrix, and every axis over its matched pairs."""
    status = read_status(folder)
    return audit_status(status, read_evidence(status.done, list_axis_fields(status.plan)))


def list_axis_fields(plan: Plan) -> list[str]:
    """Return the fields of all axes of a plan."""
    return list(itertools.chain.from_iterable(plan.groups))


def read_evidence(runs: Iterable[PlannedRun], fields: Sequence[str]) -> list[RunEvidence | None]:
    """Return what each run shows of these fields; None if its audit.json cannot be read."""
    evidence: list[RunEvidence | None] = []
    for run in runs:
        facts = run.folder.read_audit()
        if facts is None:
            evidence.append(None)
            continue
        failures = check_run(run.folder.path.name, run.spec, facts)
        # Copies are no failure while nobody knows how many the published data set holds, but they deserve a note.
        notes = []
        duplicates = look_up(facts, "data.duplicates")
        if registry.facts("datasets", run.spec.dataset).get("duplicates") is None and duplicates:
            notes.append(f"{run.spec.dataset}: {duplicates} training images are test images, pixel for pixel")
        rows = run.folder.read_columns(OUTCOME_COLUMNS)
        evidence.append(
            RunEvidence(
                spec=run.spec,
                failures=failures,
                notes=notes,
                outcome=_digest("\n".join(map(",".join, rows))),
                evidence={name: _find_evidence(facts, name) for name in fields},
                random_numbers={name: look_up(facts, path) for name, path in COMMON_RANDOM_NUMBERS.items()},
                exact=bool(facts.get("exact", True)),
                plugins=facts.get("plugins", {}),
            )
        )
    return evidence


def _find_evidence(facts: Facts, field_name: str) -> Hashable:
    """Return what a field did in a run; None if the part of the network that it should move did not."""
    # `backend` is shorthand for the libraries of three stages.
    names = STAGE_BACKENDS if field_name == "backend" else (field_name,)
    expectations = [EXPECTATIONS[name] for name in names]
    for part in {expectation.must_move for expectation in expectations} - {""}:
        for distance in look_up(facts, f"passes.*.{part}_moved"):
            if distance is not None and not (isinstance(distance, int | float) and distance > 0):
                return None
    values = [look_up(facts, path) for expectation in expectations for path in expectation.evidence]
    return tuple(_digest(json.dumps(value)) if isinstance(value, list | dict) else value for value in values)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def audit_status(status: MatrixStatus, evidence: Iterable[RunEvidence | None]) -> Audit:
    """Audit a matrix from the evidence of its finished runs, in the order of the status."""
    plan, runs, unreadable = status.plan, [], []
    for planned_run, run in zip(status.done, evidence, strict=True):
        if run is not None:
            runs.append(run)
        # A run without audit.json may have been started again, or removed, since the status was read.
        elif planned_run.folder.read_planned_state(planned_run.spec).name == "done":
            unreadable.append(planned_run.folder.path.name)
    failures = [failure for run in runs for failure in run.failures]
    if unreadable:
        names = ", ".join(unreadable[:3]) + (" ..." if len(unreadable) > 3 else "")
        count = plural(len(unreadable), "run")
        message = f"the audit.json of {count} is missing or cannot be read; run the matrix again with --redo"
        failures.append(CheckFailure(run=names, check="audit", message=message))
    # A plug-in that changed between the runs is another plug-in under the same name.
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        for plugin, digest in run.plugins.items():
            sources[plugin][digest] += 1
    for plugin, digests in sources.items():
        if len(digests) > 1:
            counts = ", ".join(str(count) for _, count in digests.most_common())
            message = f"its source changed between the runs (runs of each version: {counts}); run the matrix again"
            message += " with --redo"
            failures.append(CheckFailure(run=plugin, check="plug-in", message=message))
    # Baselines are checked like every run, but they belong to no cell, so they take part in no pair.
    cells = set(plan.runs)
    compared = [run for run in runs if run.spec in cells]
    return Audit(
        name=plan.name,
        runs=len(runs) + len(unreadable),
        axes=[judge_axis(plan, fields, compared) for fields in plan.groups],
        failures=failures,
        notes=list(dict.fromkeys(note for run in runs for note in run.notes)),
    )


def judge_axis(plan: Plan, axis: tuple[str, ...], runs: Sequence[RunEvidence]) -> AxisVerdict:
    """Judge an axis by its matched pairs: two runs with the same seed, repeat and values of all other axes.

    A pair is a valid comparison if
    1. it shows that the axis acted: each of its fields that differs left different evidence;
    2. it shares the random numbers that the axis must leave alone;
    3. it changes nothing else: no other field differs but those declared to follow from the axis, and neither run fails
       a check of another field that its partner passes.
    The axis does nothing between two values if no pair of them shows it. A breach of 2 or 3 confounds the axis.
    """
    # `backend` is shorthand: the spec holds the libraries of the three stages.
    own = tuple(itertools.chain.from_iterable(STAGE_BACKENDS if name == "backend" else (name,) for name in axis))
    must_share = tuple(
        name for name in COMMON_RANDOM_NUMBERS if all(name in EXPECTATIONS[own_name].must_share for own_name in own)
    )
    # What overrides set by the axis's values follows from the axis, as do the defaults that depend on it, and in turn
    # what follows from these: the list grows while it is read.
    follows = list(axis)
    for name in follows:
        for dependent in (*plan.dependent_fields.get(name, ()), *DEPENDENT_DEFAULTS.get(name, ())):
            if dependent not in follows:
                follows.append(dependent)

    alike: dict[Hashable, list[RunEvidence]] = defaultdict(list)
    other_axes = [name for group in plan.groups if group != axis for name in group]
    for run in runs:
        alike[tuple(getattr(run.spec, name) for name in (*other_axes, *SECTION_FIELDS))].append(run)
    pairs = [pair for group in alike.values() for pair in itertools.combinations(group, 2)]

    acted = outcome = common = 0
    acts_between: dict[tuple[str, ...], bool] = {}
    differing: set[str] = set()
    faults: dict[str, None] = {}
    unshared: dict[str, None] = {}
    for first, second in pairs:
        # 1. The axis must act. An override may set the library of a stage, so the shorthand `backend` alone does not
        # say whether two runs differ.
        changed = [n for n in axis if n == "backend" or getattr(first.spec, n) != getattr(second.spec, n)]
        shows = all(first.evidence[name] != second.evidence[name] for name in changed)
        values = [join_fields(format_value(getattr(run.spec, name)) for name in axis) for run in (first, second)]
        between = tuple(sorted(values))
        acts_between[between] = acts_between.get(between, False) or shows
        acted += shows
        outcome += first.outcome != second.outcome
        # 2. The runs must share random numbers, except those that one of them never drew or cannot repeat exactly.
        is_exact = first.exact and second.exact
        lost = [
            name
            for name in must_share
            if first.random_numbers[name] != second.random_numbers[name]
            and None not in (first.random_numbers[name], second.random_numbers[name])
            and (is_exact or name not in INEXACT)
        ]
        unshared |= dict.fromkeys(lost)
        common += not lost
        # 3. Nothing else may change.
        differing |= {name for name, value in vars(first.spec).items() if value != getattr(second.spec, name)}
        broken = [{failure.field for failure in run.failures if failure.field} for run in (first, second)]
        faults |= dict.fromkeys(name for name in sorted(broken[0] ^ broken[1]) if name not in own)

    undeclared = [name for name in RunSpec.model_fields if name in differing and name not in (*own, *follows)]
    return AxisVerdict(
        name=join_fields(axis),
        pairs=len(pairs),
        acted=acted,
        outcome=outcome,
        common=common,
        must_share=must_share,
        follows=tuple(name for name in follows if name in differing and name not in own),
        confounders=tuple(dict.fromkeys([*undeclared, *faults, *unshared])),
        idle_values=tuple(" and ".join(values) for values, acts in acts_between.items() if not acts),
    )
