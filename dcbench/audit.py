"""Whether every choice of a matrix acted: checks of each run, and the matched pairs of each axis.

In: a matrix's finished runs with their audit.json. Out: an Audit: for each axis how many pairs of runs, alike in
all else, differ in what the choice did and in what came out, and which checks failed. Nothing here computes or
trusts the spec where the run's own facts (witness.py) can tell.
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

from dcbench import ledger, rooms
from dcbench.columns import COLUMNS
from dcbench.matrix import Plan
from dcbench.rundir import MatrixDir, RunDir
from dcbench.spec import STAGE_BACKENDS, RunSpec, shown

Facts = dict[str, Any]
Verdict = Literal["acts", "acts, same outcome", "does nothing", "confounded", "no pairs"]

COMMON = {
    "images": "data.training.indices",
    "weights": "network.initial",
    "first centroids": "first.centroids",
    "first assignment": "first.assignment",
    "first batch": "first.batch",
}
"""Random numbers, or what they led to, and where the facts tell their digest."""


@dataclass(frozen=True)
class Trace:
    """How a field of the spec shows in a run's facts.

    `witness`: what shows that the value acted. `common`: random numbers that two runs differing in this field must
    share. `setting`: where a live object tells the value itself (the first of these that is there).
    """

    witness: tuple[str, ...]
    common: tuple[str, ...] = ()
    setting: tuple[str, ...] = ()


_SAME_START = ("images", "weights", "first assignment", "first batch")
_SAME_CLUSTERING = ("images", "weights", "first assignment")
_SAME_NETWORK = ("images", "weights")


def _of_optimizer(owner: str, setting: str) -> Trace:
    return Trace((f"passes.*.{owner}_moved",), _SAME_START, (f"optimizers.{owner}.{setting}",))


def _of_adam(setting: str) -> Trace:
    told = tuple(f"optimizers.{owner}.{setting}" for owner in ("trunk", "head"))
    return Trace(("passes.*.trunk_moved", "passes.*.head_moved"), _SAME_START, told)


def _of_backend(stage: str) -> Trace:
    told = (f"stages.{stage}.function", f"stages.{stage}.output")
    return Trace(told, ("images", "weights", "first centroids"), (f"stages.{stage}.library",))


TRACES = {
    "method": Trace(("method",), ("images",), ("method",)),
    "dataset": Trace(("data.training.sha256",)),
    "limit": Trace(("data.training.indices",), ("weights",)),
    "test_limit": Trace(("data.test.indices",), _SAME_START),
    "image_size": Trace(("probe.input_shape", "probe.input"), ("images",)),
    "input_channels": Trace(("probe.input_shape", "probe.input"), ("images",), ("probe.input_shape.0",)),
    "arch": Trace(("network.layers",), ("images",)),
    "width": Trace(("network.shapes",), ("images",)),
    "k": Trace(("stages.kmeans.k", "stages.kmeans.output"), _SAME_NETWORK, ("stages.kmeans.k",)),
    "epochs": Trace(("epochs",), _SAME_START, ("epochs",)),
    "batch_size": Trace(("first.batch",), _SAME_CLUSTERING),
    "optimizer": _of_optimizer("trunk", "class"),
    "lr": _of_optimizer("trunk", "lr"),
    "momentum": _of_optimizer("trunk", "momentum"),
    "weight_decay": _of_optimizer("trunk", "weight_decay"),
    "beta1": _of_adam("betas.0"),
    "beta2": _of_adam("betas.1"),
    "top_optimizer": _of_optimizer("head", "class"),
    "top_lr": _of_optimizer("head", "lr"),
    "top_momentum": _of_optimizer("head", "momentum"),
    "top_weight_decay": _of_optimizer("head", "weight_decay"),
    "pca_backend": _of_backend("pca"),
    "whiten_backend": _of_backend("whiten"),
    "kmeans_backend": _of_backend("kmeans"),
    "pca_dim": Trace(("stages.pca.dim", "stages.pca.output"), _SAME_NETWORK, ("stages.pca.dim",)),
    "whiten": Trace(("whitened",), _SAME_NETWORK, ("whitened",)),
    "l2_normalize": Trace(("unit_length",), _SAME_NETWORK, ("unit_length",)),
    "kmeans_iterations": Trace(("stages.kmeans.iterations",), _SAME_NETWORK, ("stages.kmeans.iterations",)),
    "kmeans_restarts": Trace(("stages.kmeans.starts",), _SAME_NETWORK, ("stages.kmeans.starts",)),
    "sampler": Trace(("passes.*.drawn", "passes.*.weighted"), _SAME_CLUSTERING),
    "reassign_every": Trace(("reassigned",), _SAME_START),
    "augment": Trace(("probe.training", "probe.training_view"), _SAME_START),
    "precision": Trace(("probe.precision",), ("images", "weights", "first centroids"), ("probe.precision",)),
}
"""Every field that can be an axis."""

DERIVED = {"optimizer": ("lr",), "top_optimizer": ("top_lr",)}
"""Fields whose default follows from another one."""


@dataclass(frozen=True)
class Problem:
    """A check that a run failed, and the field that does not do what the spec says, where it is one."""

    run: str
    check: str
    told: str
    field: str | None = None


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


def look(facts: Any, path: str) -> Any:
    """The value at a dotted path, `*` for every entry; None where there is none."""
    key, _, rest = path.partition(".")
    if key == "*":
        return [look(value, rest) for value in (facts if isinstance(facts, list) else [])]
    if isinstance(facts, list):
        facts = dict(enumerate(facts))
        value = facts.get(int(key)) if key.isdigit() else None
    else:
        value = facts.get(key) if isinstance(facts, dict) else None
    return look(value, rest) if rest else value


# --- checks of one run ------------------------------------------------------------------------


def problems(run: str, spec: RunSpec, facts: Facts) -> Iterator[Problem]:
    """Every check that the facts of a run fail, against what its spec asks for."""
    yield from _settings(run, spec, facts)
    yield from _splits(run, spec, facts)
    for number, passed in enumerate(facts.get("passes", []), start=1):
        yield from _owners(run, number, passed)
        yield from _trained_on(run, number, passed)
    same = look(facts, "probe.clustering") == look(facts, "probe.training")
    if same != (spec.augment == "none"):
        view = "is" if same else "is not"
        yield Problem(
            run, "training view", f"augment is {spec.augment}, yet training {view} the plain image", "augment"
        )


def _settings(run: str, spec: RunSpec, facts: Facts) -> Iterator[Problem]:
    """Values that live objects tell, against the spec's."""
    for name, trace in TRACES.items():
        seen = next((value for path in trace.setting if (value := look(facts, path)) is not None), None)
        wanted = getattr(spec, name)
        if seen is not None and seen != wanted:
            told = f"{name} is {shown(wanted)} in the spec and was {shown(seen)} in the run"
            yield Problem(run, f"setting {name}", told, name)


def _splits(run: str, spec: RunSpec, facts: Facts) -> Iterator[Problem]:
    if shared := look(facts, "data.shared_indices"):
        yield Problem(run, "splits", f"{shared} test images are training images")
    known = rooms.facts("datasets", spec.dataset).get("duplicates")
    found = look(facts, "data.duplicates")
    if known is not None and found is not None and found > known:
        yield Problem(run, "splits", f"{found} training images are test images, pixel for pixel; {known} are known")


TOLERANCE = 1e-4
"""Largest difference of a batch's inputs from what is due (standardised units)."""


def _owners(run: str, number: int, passed: Facts) -> Iterator[Problem]:
    """Each parameter in its one optimizer or frozen, and moved or not accordingly."""
    if passed.get("misplaced") or passed.get("shared") or passed.get("strangers"):
        told = f"in no optimizer or the wrong one: {', '.join(passed['misplaced']) or 'none'}; "
        told += f"in two: {passed['shared']}; held by an optimizer but not in the network: {passed['strangers']}"
        yield Problem(run, "parameters", f"epoch {number}: {told}")
    for owner, field in (("trunk", "optimizer"), ("head", "top_optimizer")):
        if not passed[f"{owner}_moved"] > 0:
            yield Problem(run, f"{owner} trained", f"epoch {number}: the {owner} did not move", field)
    if passed["frozen_moved"] != 0:
        yield Problem(
            run, "frozen", f"epoch {number}: frozen filters moved by {passed['frozen_moved']:g}", "input_channels"
        )


def _trained_on(run: str, number: int, passed: Facts) -> Iterator[Problem]:
    """The right images with the right labels, in the right shares."""
    if passed["targets_differ"]:
        told = f"epoch {number}: {passed['targets_differ']} images were trained on another image's label"
        yield Problem(run, "labels", told, "sampler")
    if not passed["inputs_differ"] <= TOLERANCE:
        told = f"epoch {number}: training saw other images than clustering (by {passed['inputs_differ']:.3g})"
        yield Problem(run, "images", told)
    if not passed["share_error"] <= passed["share_slack"]:
        told = f"epoch {number}: a cluster's share of the loss is off by {passed['share_error']:.3f}"
        yield Problem(run, "shares", told, "sampler")
