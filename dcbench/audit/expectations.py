"""What each field of the spec must show in the facts of a run, and which random numbers it must leave alone.

The facts are those of audit.json, which training/audit_recorder.py writes.
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
"""What may differ without a fault, because sums on a GPU or in several threads have no fixed order. It must be common
only if both runs are exact."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a field of the spec must show in the facts of a run.

    Attributes:
        evidence: The facts that change when the field acts.
        must_share: The random numbers that two runs must share even if they differ in this field.
        setting: Where a live object recorded the value itself; the first of these paths that exists counts.
        must_move: The part of the network that must move in every pass; otherwise the evidence does not count.
    """

    evidence: tuple[str, ...]
    must_share: tuple[str, ...] = ()
    setting: tuple[str, ...] = ()
    must_move: str = ""


_SAME_START = ("images", "weights", "first assignment", "first batch")
_SAME_CLUSTERING = ("images", "weights", "first assignment")
_SAME_CENTROIDS = ("images", "weights", "first centroids")
_SAME_NETWORK = ("images", "weights")


def _expect_value(path: str, must_share: tuple[str, ...], *evidence: str, must_move: str = "") -> Expectation:
    """Expect the value itself at a path, and maybe other evidence beside it."""
    return Expectation(evidence=(path, *evidence), must_share=must_share, setting=(path,), must_move=must_move)


def _expect_optimizer(part: str, setting: str) -> Expectation:
    return _expect_value(f"optimizers.{part}.{setting}", _SAME_START, must_move=part)


def _expect_adam(setting: str) -> Expectation:
    # Both optimizers may be Adam; the beta acts on each that is.
    paths = tuple(f"optimizers.{part}.{setting}" for part in ("trunk", "head"))
    return Expectation(evidence=paths, must_share=_SAME_START, setting=paths)


def _expect_backend(stage: str) -> Expectation:
    # The function shows which library ran; the output shows that its result was used.
    evidence = (f"stages.{stage}.function", f"stages.{stage}.output")
    return Expectation(evidence=evidence, must_share=_SAME_CENTROIDS, setting=(f"stages.{stage}.library",))


def _expect_input(dimension: int) -> Expectation:
    evidence = ("probe.input_shape", "probe.input")
    return Expectation(evidence=evidence, must_share=("images",), setting=(f"probe.input_shape.{dimension}",))


def _expect_images(split: str, must_share: tuple[str, ...]) -> Expectation:
    return Expectation(evidence=(f"data.{split}.indices",), must_share=must_share, setting=(f"data.{split}.images",))


EXPECTATIONS = {
    "method": _expect_value("method", ("images",)),
    "dataset": Expectation(evidence=("data.training.sha256",)),
    "limit": _expect_images("training", ("weights",)),
    "test_limit": _expect_images("test", _SAME_START),
    "image_size": _expect_input(1),
    "input_channels": _expect_input(0),
    "arch": Expectation(evidence=("network.layers",), must_share=("images",)),
    "width": Expectation(evidence=("network.shapes",), must_share=("images",)),
    "k": _expect_value("stages.kmeans.k", _SAME_NETWORK, "stages.kmeans.output"),
    "epochs": _expect_value("epochs", _SAME_START),
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
    "pca_dim": _expect_value("stages.pca.dim", _SAME_NETWORK, "stages.pca.output"),
    "whiten": _expect_value("whitened", _SAME_NETWORK),
    "l2_normalize": _expect_value("unit_length", _SAME_NETWORK),
    "kmeans_iterations": _expect_value("stages.kmeans.iterations", _SAME_NETWORK),
    "kmeans_restarts": _expect_value("stages.kmeans.starts", _SAME_NETWORK),
    "sampler": Expectation(evidence=("passes.*.drawn", "passes.*.weighted"), must_share=_SAME_CLUSTERING),
    "reassign_every": Expectation(evidence=("reassigned",), must_share=_SAME_START),
    "augment": Expectation(evidence=("probe.training",), must_share=_SAME_START),
    "precision": _expect_value("probe.precision", _SAME_CENTROIDS),
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
