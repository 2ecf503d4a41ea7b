"""Check the facts that a run recorded in audit.json against its spec."""

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

INPUT_TOLERANCE = 1e-4
"""Largest difference between the inputs of a batch and those expected, in standardised units."""


@dataclass(frozen=True, kw_only=True)
class CheckFailure:
    """A check that a run failed.

    Attributes:
        run: The run_id, or several.
        check: The name of the check.
        message: What is wrong.
        field: The field of the spec that did not take effect, if the fault is in one.
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
    """Check that the run executed the stages of the spec and no others, and trained for the planned epochs."""
    for stage, is_due in {"pca": spec.pca_dim is not None, "whiten": spec.whiten, "kmeans": True}.items():
        if is_due != (stage in facts["stages"]):
            message = (
                f"the stage {stage} was not run" if is_due else f"the stage {stage} was run, but is not in the spec"
            )
            yield f"stage {stage}", message, f"{stage}_backend"
    if len(facts["passes"]) != spec.epochs:
        yield "passes", f"{len(facts['passes'])} of {spec.epochs} training passes are recorded", "epochs"


def check_settings(spec: RunSpec, facts: Facts) -> Iterator[Failure]:
    """Check the settings of the optimizers, the network and the libraries against those of the spec."""
    # The recorded batch is the first of the run. It is smaller than the spec's if there are too few images to fill it.
    batch_size = min(spec.batch_size, facts["data"]["training"]["images"])
    if facts.get("batch", batch_size) != batch_size:
        message = f"a batch should have {batch_size} images and had {facts['batch']}"
        yield "setting batch_size", message, "batch_size"
    for name, expectation in EXPECTATIONS.items():
        planned = getattr(spec, name)
        if name in STAGE_BACKENDS:
            # The library that ran may have another name than the backend.
            planned = registry.facts("backends", planned).get("library", planned)
        actual = next((value for path in expectation.setting if (value := look_up(facts, path)) is not None), None)
        if actual is not None and planned is not None and actual != planned:
            message = f"{name} is {format_value(planned)} in the spec and was {format_value(actual)} in the run"
            yield f"setting {name}", message, name


def check_splits(spec: RunSpec, facts: Facts) -> Iterator[Failure]:
    """Check that no test image is a training image."""
    if shared := look_up(facts, "data.shared_indices"):
        yield "splits", f"{shared} test images are training images", None
    # Some published data sets contain the same image in both splits; only more copies than these are a fault.
    known = registry.facts("datasets", spec.dataset).get("duplicates")
    duplicates = look_up(facts, "data.duplicates")
    if known is not None and duplicates is not None and duplicates > known:
        yield "splits", f"{duplicates} training images are also test images, pixel for pixel; {known} are known", None


def check_passes(spec: RunSpec, facts: Facts) -> Iterator[Failure]:
    """Check which parameters each training pass moved, and on which images, labels and loss weights."""
    for epoch, record in enumerate(facts.get("passes", []), start=1):
        # Each parameter belongs to exactly one optimizer, that of its part, or is frozen.
        if record.get("misplaced") or record.get("shared") or record.get("strangers"):
            message = f"parameters in no optimizer or in the wrong one: {', '.join(record['misplaced']) or 'none'}; "
            message += f"in two optimizers: {record['shared']}; in an optimizer but not in the network: "
            message += str(record["strangers"])
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
        if not record["inputs_differ"] <= INPUT_TOLERANCE:
            message = f"the images differ from those that were clustered (by {record['inputs_differ']:.3g})"
            yield "images", f"epoch {epoch}: {message}", None
        if not record["share_error"] <= record["share_slack"]:
            message = f"the share of a cluster in the loss is off by {record['share_error']:.3f}"
            yield "shares", f"epoch {epoch}: {message}", "sampler"


def check_training_view(spec: RunSpec, facts: Facts) -> Iterator[Failure]:
    """Check that training sees the images that `augment` promises; clustering always sees the plain ones."""
    is_plain = look_up(facts, "probe.clustering") == look_up(facts, "probe.training")
    if is_plain != (spec.augment == "none"):
        view = "is" if is_plain else "is not"
        yield "training view", f"augment is {spec.augment}, yet training {view} the plain image", "augment"


CHECKS = (check_stages, check_settings, check_splits, check_passes, check_training_view)
