"""What one run's facts must hold: each check names what a fault breaks.

In: the spec and the facts of audit.json. Out: a Problem for every check that fails. Nothing here trusts the spec where
a live object told what it did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dcbench import registry
from dcbench.audit.expectations import EXPECTATIONS, look_up
from dcbench.core.spec import STAGE_BACKENDS, RunSpec, format_value

Facts = dict[str, Any]


@dataclass(frozen=True)
class CheckFailure:
    """A check that a run failed, and the field that does not do what the spec says, where it is one."""

    run: str
    check: str
    message: str
    field: str | None = None


def check_run(run: str, spec: RunSpec, facts: Facts) -> list[CheckFailure]:
    """Every check that the facts of a run fail, against what its spec asks for."""
    try:
        return list(_problems(run, spec, facts))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        told = f"audit.json does not hold what an audit needs ({type(error).__name__}: {error}); run it again"
        return [CheckFailure(run, "audit", told)]


def _problems(run: str, spec: RunSpec, facts: Facts) -> Iterator[CheckFailure]:
    yield from _absent(run, spec, facts)
    yield from _settings(run, spec, facts)
    yield from _splits(run, spec, facts)
    for number, passed in enumerate(facts.get("passes", []), start=1):
        yield from _owners(run, number, passed)
        yield from _trained_on(run, number, passed)
    same = look_up(facts, "probe.clustering") == look_up(facts, "probe.training")
    if same != (spec.augment == "none"):
        view = "is" if same else "is not"
        yield CheckFailure(
            run, "training view", f"augment is {spec.augment}, yet training {view} the plain image", "augment"
        )


def _settings(run: str, spec: RunSpec, facts: Facts) -> Iterator[CheckFailure]:
    """Values that live objects tell, against the spec's."""
    for name, trace in EXPECTATIONS.items():
        seen = next((value for path in trace.setting if (value := look_up(facts, path)) is not None), None)
        wanted = _wanted(name, getattr(spec, name))
        if seen is not None and wanted is not None and seen != wanted:
            told = f"{name} is {format_value(wanted)} in the spec and was {format_value(seen)} in the run"
            yield CheckFailure(run, f"setting {name}", told, name)


def _wanted(name: str, value: Any) -> Any:
    """What a live object would tell of the value: of a backend, the library it stands on."""
    if name in STAGE_BACKENDS:
        return registry.facts("backends", value).get("library", value)
    return value


def _absent(run: str, spec: RunSpec, facts: Facts) -> Iterator[CheckFailure]:
    """What the spec asks for and the run never did."""
    asked = {"pca": spec.pca_dim is not None, "whiten": spec.whiten, "kmeans": True}
    for stage, wanted in asked.items():
        if wanted != (stage in facts["stages"]):
            told = f"the stage {stage} was {'not done' if wanted else 'done, and not asked for'}"
            yield CheckFailure(run, f"stage {stage}", told, f"{stage}_backend")
    if len(facts["passes"]) != spec.epochs:
        yield CheckFailure(
            run, "passes", f"{len(facts['passes'])} of {spec.epochs} training passes are recorded", "epochs"
        )
    due = min(spec.batch_size, facts["data"]["training"]["images"])
    if facts.get("batch", due) != due:
        yield CheckFailure(
            run, "setting batch_size", f"a batch should have {due} images and had {facts['batch']}", "batch_size"
        )


def _splits(run: str, spec: RunSpec, facts: Facts) -> Iterator[CheckFailure]:
    if shared := look_up(facts, "data.shared_indices"):
        yield CheckFailure(run, "splits", f"{shared} test images are training images")
    known = registry.facts("datasets", spec.dataset).get("duplicates")
    found = look_up(facts, "data.duplicates")
    if known is not None and found is not None and found > known:
        yield CheckFailure(
            run, "splits", f"{found} training images are test images, pixel for pixel; {known} are known"
        )


TOLERANCE = 1e-4
"""Largest difference of a batch's inputs from what is due (standardised units)."""


def _owners(run: str, number: int, passed: Facts) -> Iterator[CheckFailure]:
    """Each parameter in its one optimizer or frozen, and moved or not accordingly."""
    if passed.get("misplaced") or passed.get("shared") or passed.get("strangers"):
        told = f"in no optimizer or the wrong one: {', '.join(passed['misplaced']) or 'none'}; "
        told += f"in two: {passed['shared']}; held by an optimizer but not in the network: {passed['strangers']}"
        yield CheckFailure(run, "parameters", f"epoch {number}: {told}")
    for owner, field in (("trunk", "optimizer"), ("head", "top_optimizer")):
        if not passed[f"{owner}_moved"] > 0:
            yield CheckFailure(run, f"{owner} trained", f"epoch {number}: the {owner} did not move", field)
    if passed["frozen_moved"] != 0:
        yield CheckFailure(
            run, "frozen", f"epoch {number}: frozen filters moved by {passed['frozen_moved']:g}", "input_channels"
        )


def _trained_on(run: str, number: int, passed: Facts) -> Iterator[CheckFailure]:
    """The right images with the right labels, in the right shares."""
    if passed["targets_differ"]:
        told = f"epoch {number}: {passed['targets_differ']} images were trained on another image's label"
        yield CheckFailure(run, "labels", told, "sampler")
    if not passed["inputs_differ"] <= TOLERANCE:
        told = f"epoch {number}: training saw other images than clustering (by {passed['inputs_differ']:.3g})"
        yield CheckFailure(run, "images", told)
    if not passed["share_error"] <= passed["share_slack"]:
        told = f"epoch {number}: a cluster's share of the loss is off by {passed['share_error']:.3f}"
        yield CheckFailure(run, "shares", told, "sampler")
