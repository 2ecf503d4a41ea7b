"""What each field of the spec must show in the facts of a run, and which random numbers it must leave alone.

In: the name of a field. Out: dotted paths into audit.json, which training/audit_recorder.py writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

COMMON_RANDOM_NUMBERS = {
    "images": "data.training.indices",
    "weights": "network.initial",
    "first centroids": "first.centroids",
    "first assignment": "first.assignment",
    "first batch": "first.batch",
}
"""Random numbers, or what they lead to -> the path of their digest."""

INEXACT = ("first assignment", "first batch")
"""What can differ through no fault, because sums on a GPU or in several threads have no fixed order; it must be common
only when both runs are exact."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a field of the spec must show in the facts of a run.

    Attributes:
        evidence: The facts that change when the field acts.
        must_share: The random numbers that two runs must share even if they differ in this field.
        setting: Where a live object tells the value itself; the first of these paths that exists counts.
        must_move: The part of the network that must have moved in every pass, or the evidence counts for nothing.
    """

    evidence: tuple[str, ...]
    must_share: tuple[str, ...] = ()
    setting: tuple[str, ...] = ()
    must_move: str = ""


_SAME_START = ("images", "weights", "first assignment", "first batch")
_SAME_CLUSTERING = ("images", "weights", "first assignment")
_SAME_CENTROIDS = ("images", "weights", "first centroids")
_SAME_NETWORK = ("images", "weights")


def _expect_optimizer(part: str, setting: str) -> Expectation:
    path = f"optimizers.{part}.{setting}"
    return Expectation(evidence=(path,), must_share=_SAME_START, setting=(path,), must_move=part)


def _expect_adam(setting: str) -> Expectation:
    # Either optimizer may be Adam, and the beta acts on each that is.
    paths = tuple(f"optimizers.{part}.{setting}" for part in ("trunk", "head"))
    return Expectation(evidence=paths, must_share=_SAME_START, setting=paths)


def _expect_backend(stage: str) -> Expectation:
    # The function shows which library ran; the output shows that its result was used.
    evidence = (f"stages.{stage}.function", f"stages.{stage}.output")
    return Expectation(evidence=evidence, must_share=_SAME_CENTROIDS, setting=(f"stages.{stage}.library",))


EXPECTATIONS = {
    "method": Expectation(evidence=("method",), must_share=("images",), setting=("method",)),
    "dataset": Expectation(evidence=("data.training.sha256",)),
    "limit": Expectation(
        evidence=("data.training.indices",), must_share=("weights",), setting=("data.training.images",)
    ),
    "test_limit": Expectation(evidence=("data.test.indices",), must_share=_SAME_START, setting=("data.test.images",)),
    "image_size": Expectation(
        evidence=("probe.input_shape", "probe.input"), must_share=("images",), setting=("probe.input_shape.1",)
    ),
    "input_channels": Expectation(
        evidence=("probe.input_shape", "probe.input"), must_share=("images",), setting=("probe.input_shape.0",)
    ),
    "arch": Expectation(evidence=("network.layers",), must_share=("images",)),
    "width": Expectation(evidence=("network.shapes",), must_share=("images",)),
    "k": Expectation(
        evidence=("stages.kmeans.k", "stages.kmeans.output"), must_share=_SAME_NETWORK, setting=("stages.kmeans.k",)
    ),
    "epochs": Expectation(evidence=("epochs",), must_share=_SAME_START, setting=("epochs",)),
    "batch_size": Expectation(evidence=("first.batch",), must_share=_SAME_CLUSTERING),
    "optimizer": _expect_optimizer("trunk", "class"),
    "lr": _expect_optimizer("trunk", "lr"),
    "momentum": _expect_optimizer("trunk", "momentum"),
    "weight_decay": _expect_optimizer("trunk", "weight_decay"),
    "beta1": _expect_adam("betas.0"),
    "beta2": _expect_adam("betas.1"),
    "top_optimizer": _expect_optimizer("head", "class"),
    "top_lr": _expect_optimizer("head", "lr"),
    "top_momentum": _expect_optimizer("head", "momentum"),
    "top_weight_decay": _expect_optimizer("head", "weight_decay"),
    "pca_backend": _expect_backend("pca"),
    "whiten_backend": _expect_backend("whiten"),
    "kmeans_backend": _expect_backend("kmeans"),
    "pca_dim": Expectation(
        evidence=("stages.pca.dim", "stages.pca.output"), must_share=_SAME_NETWORK, setting=("stages.pca.dim",)
    ),
    "whiten": Expectation(evidence=("whitened",), must_share=_SAME_NETWORK, setting=("whitened",)),
    "l2_normalize": Expectation(evidence=("unit_length",), must_share=_SAME_NETWORK, setting=("unit_length",)),
    "kmeans_iterations": Expectation(
        evidence=("stages.kmeans.iterations",), must_share=_SAME_NETWORK, setting=("stages.kmeans.iterations",)
    ),
    "kmeans_restarts": Expectation(
        evidence=("stages.kmeans.starts",), must_share=_SAME_NETWORK, setting=("stages.kmeans.starts",)
    ),
    "sampler": Expectation(evidence=("passes.*.drawn", "passes.*.weighted"), must_share=_SAME_CLUSTERING),
    "reassign_every": Expectation(evidence=("reassigned",), must_share=_SAME_START),
    "augment": Expectation(evidence=("probe.training",), must_share=_SAME_START),
    "precision": Expectation(evidence=("probe.precision",), must_share=_SAME_CENTROIDS, setting=("probe.precision",)),
}
"""Field of the spec that can be an axis -> what it must show."""


def look_up(facts: Any, path: str) -> Any:
    """Return the value at a dotted path, or None if there is none; `*` makes a list of what each entry holds there."""
    key, _, rest = path.partition(".")
    if key == "*":
        return [look_up(value, rest) for value in (facts if isinstance(facts, list) else [])]
    # Facts come from disk and may have any shape.
    value = None
    if isinstance(facts, dict):
        value = facts.get(key)
    elif isinstance(facts, list) and key.isdigit() and int(key) < len(facts):
        value = facts[int(key)]
    return look_up(value, rest) if rest else value
