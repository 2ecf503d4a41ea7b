"""What one run's facts must hold: each check names what a fault breaks.

In: the spec and the facts of audit.json. Out: a Problem for every check that fails. Nothing here trusts the spec where
a live object told what it did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dcbench import rooms
from dcbench.spec import RunSpec, shown
from dcbench.traces import TRACES, look

Facts = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A check that a run failed, and the field that does not do what the spec says, where it is one."""

    run: str
    check: str
    told: str
    field: str | None = None


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
