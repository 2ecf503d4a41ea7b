"""Record which settings took effect, read from the live optimizer, network and library objects.

The facts go to audit.json, which the audit package judges. They are read from the objects themselves and not copied
from the spec. Digests are the first 16 hex digits of a SHA-256.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcbench.core.spec import RunSpec
from dcbench.training import datasets, seeds
from dcbench.training.datasets import Split
from dcbench.training.deepcluster import images
from dcbench.training.deepcluster.features import autocast
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.learner import Learner
from dcbench.training.deepcluster.network import Network, PixelFeatures
from dcbench.training.deepcluster.pseudo_labels import Clustering, FeatureSpace
from dcbench.training.deepcluster.training_pass import TrainingPass
from dcbench.training.metrics import IntArray

Facts = dict[str, Any]

OWNERS = ("trunk", "head")
"""Parts of the network that are trained; any other parameter must stay as it was."""

MANY_LABELS = 20
"""Up to this many labels, each label's share is recorded; beyond, only the lowest and the highest share."""

PROBE_COPIES = 8
"""Copies of the probe image in the training view, so that a random flip is in at least one of them."""

OPTIMIZER_SETTINGS = ("lr", "momentum", "weight_decay", "betas")
"""Settings that are read from a live optimizer."""


class AuditRecorder:
    """Record the facts of one run as it goes on; `facts` is plain JSON at any time, so a checkpoint can hold it."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.facts: Facts = {"seconds": 0.0, "epochs": 0, "passes": [], "reassigned": []}
        self.labels: IntArray | None = None
        self._before: dict[str, Tensor] = {}

    @contextmanager
    def _timed(self) -> Iterator[None]:
        # Record the audit's own time, to show what it costs.
        start = time.perf_counter()
        yield
        self.facts["seconds"] = round(self.facts["seconds"] + time.perf_counter() - start, 4)

    # --- once, at the start -----------------------------------------------------------------

    def record_data(self, training: Split, test: Split) -> None:
        """Record digests of both splits, and how many images they share."""
        # Supervised runs train on the true labels; in other runs a relabelling replaces them.
        self.labels = training.labels
        with self._timed():
            self.facts["data"] = {
                name: {"images": len(split.labels), "sha256": split.digest(), "indices": digest(split.indices)}
                for name, split in (("training", training), ("test", test))
            } | {
                "shared_indices": datasets.count_shared_indices(training, test),
                "duplicates": datasets.count_duplicates(training, test),
            }

    def record_network(self, learner: Learner, training: Images) -> None:
        """Record the untrained network, and a probe image in both views and at the network's input."""
        with self._timed():
            self.facts["network"] = describe_network(learner.network)
            self.facts["probe"] = describe_probe(learner.network, training, self.spec)

    def resume(self, facts: Facts, labels: IntArray | None, epoch: int) -> None:
        """Continue with the facts and the labels of a checkpoint."""
        self.facts, self.labels = facts, self.labels if labels is None else labels
        self.facts.setdefault("resumed_after", []).append(epoch)

    # --- at the first clustering, and at every relabelling ----------------------------------

    def record_clustering(self, space: FeatureSpace, clustering: Clustering) -> None:
        """Record which library did each stage of the first clustering, with digests of the raw output."""
        with self._timed():
            self.facts["stages"] = {
                name: asdict(transform.call)
                | {"output": digest(space.outputs[name]), "dim": space.outputs[name].shape[-1]}
                for name, transform in space.fitted.items()
            }
            call: Facts = asdict(clustering.call) if clustering.call else {"arguments": {}}
            self.facts["stages"]["kmeans"] = call | {
                "output": digest(clustering.assignment),
                "k": len(clustering.centroids),
                "starts": len(clustering.start_indices),
                "iterations": call["arguments"].get("iterations"),
            }
            self.facts["whitened"] = "whiten" in space.fitted
            # The median: an image whose features are all 0 has no direction, so its length stays 0.
            self.facts["unit_length"] = bool((space.points.norm(dim=1) - 1).abs().median() < 1e-3)
            self.facts["first"] = {
                "centroids": digest(clustering.start_indices[0]),
                "assignment": digest(clustering.assignment),
            }

    def record_relabelling(self, assignment: IntArray, epoch: int) -> None:
        """Record that the clustering of this row became the labels that the next passes must train on."""
        self.labels = assignment
        self.facts["reassigned"].append(epoch)

    # --- before and after each pass ---------------------------------------------------------

    def before_pass(self, learner: Learner) -> None:
        """Keep a copy of the parameters in host memory, to measure how far the pass moves them."""
        with self._timed():
            self._before = {
                name: value.detach().to("cpu", copy=True) for name, value in learner.network.named_parameters()
            }

    def after_pass(self, learner: Learner, training_pass: TrainingPass, training: Images, epoch: int) -> None:
        """Record how far each part moved, which optimizer held it, and what was drawn and trained on."""
        with self._timed():
            self.facts["passes"].append(
                {"epoch": epoch}
                | measure_movement(self._before, learner.network)
                | check_ownership(learner)
                | self.check_batches(training_pass, training, epoch)
            )
            self.facts["epochs"] = len(self.facts["passes"])
            self.facts["optimizers"] = describe_optimizers(learner)
            self.facts.setdefault("parameters", list_parameters(learner))
            self.facts["first"].setdefault("batch", digest(training_pass.positions[: len(training_pass.first_inputs)]))
            self.facts.setdefault("batch", len(training_pass.first_inputs))
            self._before = {}

    def check_batches(self, training_pass: TrainingPass, training: Images, epoch: int) -> Facts:
        """Compare the images, labels and shares of a pass with the expected ones."""
        assert self.labels is not None, "a pass needs labels"
        positions, targets = training_pass.positions.cpu().numpy(), training_pass.targets.cpu().numpy()
        # Shares of the loss: an image of a label counts as much as the label weighs.
        weights = None if training_pass.label_weights is None else training_pass.label_weights.cpu().numpy()[targets]
        counts = np.bincount(targets, weights)
        drawn_shares, due_shares = counts / counts.sum(), compute_due_shares(self.labels, self.spec.sampler)
        size = max(len(drawn_shares), len(due_shares))
        drawn, due = (np.pad(shares, (0, size - len(shares))) for shares in (drawn_shares, due_shares))
        return {
            "drawn_shares": summarise_shares(drawn_shares),
            "due_shares": summarise_shares(due_shares),
            "share_error": float(np.abs(drawn - due).max()),
            "share_slack": measure_share_slack(len(positions), self.spec.sampler),
            "weighted": training_pass.label_weights is not None,
            "targets_differ": int((self.labels[positions] != targets).sum()),
            "inputs_differ": self.compare_inputs(training_pass, training, epoch),
            "drawn": digest(positions),
        }

    def compare_inputs(self, training_pass: TrainingPass, training: Images, epoch: int) -> float:
        """Return the largest difference of the first batch from the training view of the images that clustering saw."""
        # A new generator from the seed tree repeats the crops of the pass.
        crops = seeds.torch_generator(self.spec, "augment", epoch)
        plain = training.plain(training_pass.positions[: len(training_pass.first_inputs)])
        due = make_training_view(plain, self.spec.augment, crops)
        return float((due - training_pass.first_inputs).abs().max())


def digest(values: Tensor | npt.NDArray[Any]) -> str:
    """Return the first 16 hex digits of the SHA-256 of the values' bytes."""
    array = values.detach().contiguous().cpu().numpy() if isinstance(values, Tensor) else values
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:16]


def make_training_view(plain: Tensor, augment: str, generator: torch.Generator) -> Tensor:
    """Return the expected training view of a plain batch `(b, c, s, s)`.

    This does not call the code under audit: the same code would hide that training uses other images than clustering.
    """
    if augment == "none":
        return plain
    boxes = images.draw_crop_boxes(len(plain), augment, generator).to(plain.device)
    grid = F.affine_grid(boxes, list(plain.shape), align_corners=False)
    return F.grid_sample(plain, grid, mode="bilinear", padding_mode="border", align_corners=False)


def compute_due_shares(labels: IntArray, sampler: str) -> npt.NDArray[np.float64]:
    """Return each label's expected share of the loss: its share of the images, or equal shares of active labels.

    As the published code draws, position i is drawn as often as label i of the original order is due, and gives the
    image that is i-th by label.
    """
    sizes = np.bincount(labels)
    shares: npt.NDArray[np.float64] = (
        sizes / sizes.sum() if sampler == "natural" else (sizes > 0) / np.count_nonzero(sizes)
    )
    if sampler == "published_code":
        weights = (shares / np.maximum(sizes, 1))[labels]
        shares = np.bincount(np.sort(labels), weights, minlength=len(sizes)).astype(np.float64)
    return shares


def measure_share_slack(count: int, sampler: str) -> float:
    """Return how far the shares of `count` drawn images may be from those that are due."""
    if sampler == "published_code":
        # Which images come is chance: five standard deviations of the most variable share.
        return 2.5 / math.sqrt(count)
    return 1.5 / count  # images do not divide evenly, and weights are float32


def summarise_shares(shares: npt.NDArray[np.float64]) -> list[float]:
    """Return each label's share; of many labels, only the lowest and the highest share."""
    listed = shares if len(shares) <= MANY_LABELS else np.array([shares.min(), shares.max()])
    return [round(float(share), 6) for share in listed]


def describe_network(network: nn.Module) -> Facts:
    """Return the trunk's layers and shapes, and a digest of all initial weights; empty without a trunk."""
    trunk = getattr(network, "trunk", None)
    if trunk is None:
        return {}
    values = list(trunk.parameters())
    return {
        "layers": [type(layer).__name__ for layer in trunk.modules() if not list(layer.children())],
        "shapes": [list(value.shape) for value in values],
        "initial": hashlib.sha256("".join(digest(value) for value in values).encode()).hexdigest()[:16],
    }


def describe_probe(network: Network | PixelFeatures, training: Images, spec: RunSpec) -> Facts:
    """Return digests of a fixed image in the views of clustering and of training, and at the network's input."""
    shape = training.pixels.shape[1:]
    # Steps of 7 give neighbouring pixels different grey levels, so that every crop, flip and filter changes the image.
    pattern = torch.arange(int(np.prod(shape))).mul(7).remainder(256).to(torch.uint8).reshape(1, *shape)
    probe, index = images.make_images_like(training, pattern), torch.zeros(PROBE_COPIES, dtype=torch.long)
    plain = probe.plain(index)
    augmented = probe.augmented(index, spec.augment, torch.Generator().manual_seed(0))
    network.eval()
    with torch.no_grad():
        inputs = network.input(plain)
        # The hidden layer's type shows whether autocast acts; the features themselves are always float32.
        with autocast(training.device, spec.precision):
            compute_hidden = getattr(network, "hidden", None)  # pixels have no hidden layer
            hidden = None if compute_hidden is None else compute_hidden(plain)
    return {
        "clustering": digest(plain),
        "clustering_view": f"standardised per channel, {plain.shape[-1]} px",
        "training": digest(augmented),
        "training_view": images.describe_augmentation(spec.augment),
        "input": digest(inputs),
        "input_shape": list(inputs.shape[1:]),
        "precision": hidden if hidden is None else str(hidden.dtype).removeprefix("torch."),
    }


def measure_movement(before: dict[str, Tensor], network: nn.Module) -> Facts:
    """Return the L2 distance that parameters moved: of trunk and head relative to their norm, of others absolute."""

    def compute_norm(values: list[Tensor]) -> float:
        norm: float = float(sum((value.double() ** 2).sum() for value in values)) ** 0.5
        return norm

    after = dict(network.named_parameters())
    groups = {owner: [name for name in after if name.startswith(f"{owner}.")] for owner in OWNERS}
    groups["frozen"] = [name for name in after if not name.startswith(OWNERS)]
    facts: Facts = {}
    with torch.no_grad():
        for owner, names in groups.items():
            distance = compute_norm([after[name].cpu() - before[name] for name in names])
            if owner in OWNERS:
                distance /= max(compute_norm([before[name] for name in names]), 1e-30)
            facts[f"{owner}_moved"] = distance
    return facts


def _group_by_optimizer(learner: Learner) -> dict[str, list[nn.Parameter]]:
    optimizers = {"trunk": learner.trunk_optimizer, "head": learner.head_optimizer}
    return {
        owner: [value for group in optimizer.param_groups for value in group["params"]] if optimizer else []
        for owner, optimizer in optimizers.items()
    }


def _find_owner(value: nn.Parameter, groups: dict[str, list[nn.Parameter]]) -> str:
    # By identity, because `==` would compare values.
    return next((owner for owner, values in groups.items() if any(value is each for each in values)), "frozen")


def list_parameters(learner: Learner) -> Facts:
    """Return names and number of the parameters in each optimizer, and of those that no optimizer trains."""
    groups = _group_by_optimizer(learner)
    facts: Facts = {owner: {"names": [], "count": 0} for owner in (*OWNERS, "frozen")}
    for name, value in learner.network.named_parameters():
        entry = facts[_find_owner(value, groups)]
        entry["names"].append(name)
        entry["count"] += value.numel()
    return facts


def check_ownership(learner: Learner) -> Facts:
    """Return the parameters that are in the wrong optimizer or in none, in both, or in one but not in the network.

    This shows an optimizer that was kept when the head was replaced: it holds the old head's parameters, which are no
    longer in the network, and the new head's parameters are in no optimizer.
    """
    groups = _group_by_optimizer(learner)
    parameters = dict(learner.network.named_parameters())
    misplaced = []
    for name, value in parameters.items():
        owner = _find_owner(value, groups)
        trained_as_it_should = value.requires_grad == (owner != "frozen")
        if not trained_as_it_should or owner not in (name.split(".")[0], "frozen"):
            misplaced.append(name)
    in_network = {id(value) for value in parameters.values()}
    trunk_ids, head_ids = ({id(value) for value in groups[owner]} for owner in OWNERS)
    strangers = sum(id(value) not in in_network for values in groups.values() for value in values)
    return {"misplaced": misplaced, "shared": len(trunk_ids & head_ids), "strangers": strangers}


def describe_optimizers(learner: Learner) -> Facts:
    """Return the class and the settings of each optimizer."""
    facts: Facts = {}
    for owner, optimizer in (("trunk", learner.trunk_optimizer), ("head", learner.head_optimizer)):
        if optimizer is not None:
            group = optimizer.param_groups[0]
            settings = {name: group[name] for name in OPTIMIZER_SETTINGS if name in group}
            facts[owner] = {"class": type(optimizer).__name__.lower()} | settings
    return facts
