"""Check the facts of one run against its spec; each check names what a fault breaks.

In: the spec and the facts of audit.json. Out: a CheckFailure for each check that fails. Where a live object told what
it did, that counts, not the spec.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dcbench import registry
from dcbench.audit.expectations import EXPECTATIONS, look_up
from dcbench.core.spec import STAGE_BACKENDS, RunSpec, format_value

Facts = dict[str, Any]

Failure = tuple[str, str, str | None]
"""The check, a message, and the field of the spec that the fault is in, if it is in one."""

TOLERANCE = 1e-4
"""Largest difference between the inputs of a batch and those expected, in standardised units."""


@dataclass(frozen=True, kw_only=True)
class CheckFailure:
    """A check that a run failed.

    Attributes:
        run: The run_id, or several.
        check: The name of the check.
        message: What is wrong.
        field: The field of the spec that did not do what it says, if the fault is in one.
    """

    run: str
    check: str
    message: str
    field: str | None = None


def check_run(run: str, spec: RunSpec, facts: Facts) -> list[CheckFailure]:
    """Return every check that the facts of a run fail."""
    try:
        failures = [failure for check in CHECKS for failure in check(spec, facts)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A damaged or older audit.json may have any shape.
        problem = f"audit.json does not hold what an audit needs ({type(error).__name__}: {error}); run it again"
        failures = [("audit", problem, None)]
    return [CheckFailure(run=run, check=check, message=message, field=field) for check, message, field in failures]


def check_stages(spec: RunSpec, facts: Facts) -> Iterator[Failure]:
    """Check that the run did what the spec asks for, as often as it asks, and nothing else."""
    for stage, is_due in {"pca": spec.pca_dim is not None, "whiten": spec.whiten, "kmeans": True}.items():
        if is_due != (stage in facts["stages"]):
            problem = "not done" if is_due else "done, and not asked for"
            yield f"stage {stage}", f"the stage {stage} was {problem}", f"{stage}_backend"
    if len(facts["passes"]) != spec.epochs:
        yield "passes", f"{len(facts['passes'])} of {spec.epochs} training passes are recorded", "epochs"


def check_settings(spec: RunSpec, facts: Facts) -> Iterator[Failure]:
    """Check the values that live objects had against those of the spec."""
    # The recorded batch is the first of the run, which fewer images than a batch holds do not fill.
    batch_size = min(spec.batch_size, facts["data"]["training"]["images"])
    if facts.get("batch", batch_size) != batch_size:
        message = f"a batch should have {batch_size} images and had {facts['batch']}"
        yield "setting batch_size", message, "batch_size"
    for name, expectation in EXPECTATIONS.items():
        planned = getattr(spec, name)
        if name in STAGE_BACKENDS:
            # A live object tells the library, which may have another name than the backend.
            planned = registry.facts("backends", planned).get("library", planned)
        actual = next((value for path in expectation.setting if (value := look_up(facts, path)) is not None), None)
        if actual is not None and planned is not None and actual != planned:
            message = f"{name} is {format_value(planned)} in the spec and was {format_value(actual)} in the run"
            yield f"setting {name}", message, name


def check_splits(spec: RunSpec, facts: Facts) -> Iterator[Failure]:
    """Check that no test image is a training image."""
    if shared := look_up(facts, "data.shared_indices"):
        yield "splits", f"{shared} test images are training images", None
    # Some published data sets hold copies of images in both splits; only more than these are a fault.
    known = registry.facts("datasets", spec.dataset).get("duplicates")
    duplicates = look_up(facts, "data.duplicates")
    if known is not None and duplicates is not None and duplicates > known:
        yield "splits", f"{duplicates} training images are test images, pixel for pixel; {known} are known", None


def check_passes(spec: RunSpec, facts: Facts) -> Iterator[Failure]:
    """Check each training pass: which parameters moved, and on which images, labels and weights."""
    for epoch, record in enumerate(facts.get("passes", []), start=1):
        # Each parameter belongs to exactly one optimizer, that of its part, or is frozen.
        if record.get("misplaced") or record.get("shared") or record.get("strangers"):
            message = f"in no optimizer or the wrong one: {', '.join(record['misplaced']) or 'none'}; "
            message += f"in two: {record['shared']}; held by an optimizer but not in the network: {record['strangers']}"
            yield "parameters", f"epoch {epoch}: {message}", None
        # Comparisons are negated so that NaN fails them.
        for part, field in (("trunk", "optimizer"), ("head", "top_optimizer")):
            if not record[f"{part}_moved"] > 0:
                yield f"{part} trained", f"epoch {epoch}: the {part} did not move", field
        if record["frozen_moved"] != 0:
            yield "frozen", f"epoch {epoch}: frozen filters moved by {record['frozen_moved']:g}", "input_channels"
        if record["targets_differ"]:
            message = f"{record['targets_differ']} images were trained on another image's label"
            yield "labels", f"epoch {epoch}: {message}", "sampler"
        if not record["inputs_differ"] <= TOLERANCE:
            message = f"training saw other images than clustering (by {record['inputs_differ']:.3g})"
            yield "images", f"epoch {epoch}: {message}", None
        if not record["share_error"] <= record["share_slack"]:
            message = f"a cluster's share of the loss is off by {record['share_error']:.3f}"
            yield "shares", f"epoch {epoch}: {message}", "sampler"


def check_training_view(spec: RunSpec, facts: Facts) -> Iterator[Failure]:
    """Check that training sees the images that `augment` promises; clustering always sees the plain ones."""
    is_plain = look_up(facts, "probe.clustering") == look_up(facts, "probe.training")
    if is_plain != (spec.augment == "none"):
        view = "is" if is_plain else "is not"
        yield "training view", f"augment is {spec.augment}, yet training {view} the plain image", "augment"


CHECKS = (check_stages, check_settings, check_splits, check_passes, check_training_view)
