"""How every field of the spec shows in a run's facts, and which random numbers it must leave alone.

In: a field's name. Out: dotted paths into audit.json, as witness.py writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

COMMON = {
    "images": "data.training.indices",
    "weights": "network.initial",
    "first centroids": "first.centroids",
    "first assignment": "first.assignment",
    "first batch": "first.batch",
}
"""Random numbers, or what they led to, and where the facts tell their digest."""


INEXACT = ("first assignment", "first batch")
"""What sums in thread order, or on a GPU, can change without anybody's fault; common only where runs are exact."""


@dataclass(frozen=True)
class Expectation:
    """How a field of the spec shows in a run's facts.

    `witness`: what shows that the value acted. `moved`: the part of the network that must have moved in every pass, or
    the witness counts for nothing. `common`: random numbers that two runs differing in this field must share.
    `setting`: where a live object tells the value itself (the first of these that is there).
    """

    witness: tuple[str, ...]
    common: tuple[str, ...] = ()
    setting: tuple[str, ...] = ()
    moved: str = ""


_SAME_START = ("images", "weights", "first assignment", "first batch")
_SAME_CLUSTERING = ("images", "weights", "first assignment")
_SAME_NETWORK = ("images", "weights")


def _of_optimizer(owner: str, setting: str) -> Expectation:
    path = f"optimizers.{owner}.{setting}"
    return Expectation((path,), _SAME_START, (path,), moved=owner)


def _of_adam(setting: str) -> Expectation:
    told = tuple(f"optimizers.{owner}.{setting}" for owner in ("trunk", "head"))
    return Expectation(told, _SAME_START, told)


def _of_backend(stage: str) -> Expectation:
    told = (f"stages.{stage}.function", f"stages.{stage}.output")
    return Expectation(told, ("images", "weights", "first centroids"), (f"stages.{stage}.library",))


EXPECTATIONS = {
    "method": Expectation(("method",), ("images",), ("method",)),
    "dataset": Expectation(("data.training.sha256",)),
    "limit": Expectation(("data.training.indices",), ("weights",), ("data.training.images",)),
    "test_limit": Expectation(("data.test.indices",), _SAME_START, ("data.test.images",)),
    "image_size": Expectation(("probe.input_shape", "probe.input"), ("images",), ("probe.input_shape.1",)),
    "input_channels": Expectation(("probe.input_shape", "probe.input"), ("images",), ("probe.input_shape.0",)),
    "arch": Expectation(("network.layers",), ("images",)),
    "width": Expectation(("network.shapes",), ("images",)),
    "k": Expectation(("stages.kmeans.k", "stages.kmeans.output"), _SAME_NETWORK, ("stages.kmeans.k",)),
    "epochs": Expectation(("epochs",), _SAME_START, ("epochs",)),
    "batch_size": Expectation(("first.batch",), _SAME_CLUSTERING),
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
    "pca_dim": Expectation(("stages.pca.dim", "stages.pca.output"), _SAME_NETWORK, ("stages.pca.dim",)),
    "whiten": Expectation(("whitened",), _SAME_NETWORK, ("whitened",)),
    "l2_normalize": Expectation(("unit_length",), _SAME_NETWORK, ("unit_length",)),
    "kmeans_iterations": Expectation(("stages.kmeans.iterations",), _SAME_NETWORK, ("stages.kmeans.iterations",)),
    "kmeans_restarts": Expectation(("stages.kmeans.starts",), _SAME_NETWORK, ("stages.kmeans.starts",)),
    "sampler": Expectation(("passes.*.drawn", "passes.*.weighted"), _SAME_CLUSTERING),
    "reassign_every": Expectation(("reassigned",), _SAME_START),
    "augment": Expectation(("probe.training",), _SAME_START),
    "precision": Expectation(("probe.precision",), ("images", "weights", "first centroids"), ("probe.precision",)),
}
"""Every field that can be an axis."""


def look_up(facts: Any, path: str) -> Any:
    """The value at a dotted path, `*` for every entry; None where there is none."""
    key, _, rest = path.partition(".")
    if key == "*":
        return [look_up(value, rest) for value in (facts if isinstance(facts, list) else [])]
    if isinstance(facts, list):
        facts = dict(enumerate(facts))
        value = facts.get(int(key)) if key.isdigit() else None
    else:
        value = facts.get(key) if isinstance(facts, dict) else None
    return look_up(value, rest) if rest else value
