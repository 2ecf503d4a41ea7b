"""What a run's choices did, seen in live objects: the facts of audit.json, which audit.py judges.

In: splits, network, optimizers, clusterings and passes as they were used. Out: plain values and digests. Nothing is
taken from the spec where the object itself can tell. Digests are the first 16 hex digits of a SHA-256.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcbench.core.spec import RunSpec
from dcbench.training import datasets, seeds
from dcbench.training.backends import Transform
from dcbench.training.datasets import Split
from dcbench.training.deepcluster import images
from dcbench.training.deepcluster.features import autocast
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.preprocessing import FeatureSpace
from dcbench.training.deepcluster.pseudo_labels import Clustering
from dcbench.training.deepcluster.samplers import Ints
from dcbench.training.deepcluster.training import Learner, TrainedBatches

Facts = dict[str, Any]

OWNERS = ("trunk", "head")
"""Parts of the network that are trained; whatever else has parameters must stay as it was."""

MANY_LABELS = 20
"""Labels whose shares are told one by one; of more, the lowest and the highest share."""

PROBES = 8
"""Copies of the probe image in the training view: enough that a random flip is in one of them."""

SETTINGS = ("lr", "momentum", "weight_decay", "betas")
"""Settings that are read from a live optimizer."""


class AuditRecorder:
    """Gathers the facts of one run as it goes on; `facts` is plain JSON at any time and survives a checkpoint."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.facts: Facts = {"seconds": 0.0, "epochs": 0, "passes": [], "reassigned": []}
        self.labels: Ints | None = None
        self._before: dict[str, Tensor] = {}

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.facts["seconds"] = round(self.facts["seconds"] + time.perf_counter() - start, 4)

    def record_data(self, training: Split, test: Split) -> None:
        """Digests of both splits, and what they share."""
        self.labels = training.labels  # until a clustering takes their place
        with self._timed():
            self.facts["data"] = {
                "training": _split(training),
                "test": _split(test),
                "shared_indices": datasets.count_shared_indices(training, test),
                "duplicates": datasets.count_duplicates(training, test),
            }

    def record_network(self, learner: Learner, training: Images) -> None:
        """The untrained network, and a probe image through both views and the network's input."""
        with self._timed():
            self.facts["network"] = describe_network(learner.network)
            self.facts["probe"] = describe_probe(learner.network, training, self.spec)

    def record_clustering(self, space: FeatureSpace, clustering: Clustering) -> None:
        """What did the stages of the first clustering, with digests of their raw output."""
        with self._timed():
            self.facts["stages"] = {name: _stage(space.fitted[name], space.outputs[name]) for name in space.fitted}
            self.facts["stages"]["kmeans"] = _kmeans(clustering)
            self.facts["whitened"] = "whiten" in space.fitted
            self.facts["unit_length"] = bool((space.points.norm(dim=1) - 1).abs().median() < 1e-3)
            self.facts["first"] = {
                "centroids": digest(clustering.start_indices[0]),
                "assignment": digest(clustering.assignment),
            }

    def record_relabelling(self, assignment: Ints, epoch: int) -> None:
        """This row's clustering has become what the next passes must train on."""
        self.labels = assignment
        self.facts["reassigned"].append(epoch)

    def resume(self, facts: Facts, labels: Ints | None, epoch: int) -> None:
        """Go on with the facts and the labels that a checkpoint held."""
        self.facts, self.labels = facts, self.labels if labels is None else labels
        self.facts.setdefault("resumed_after", []).append(epoch)

    def before_pass(self, learner: Learner) -> None:
        """Keep the parameters in host memory, to see how far the pass moves them."""
        with self._timed():
            self._before = {
                name: value.detach().to("cpu", copy=True) for name, value in learner.network.named_parameters()
            }

    def after_pass(self, learner: Learner, seen: TrainedBatches, training: Images, epoch: int) -> None:
        """How far each part moved, who owned it, and what was drawn and trained on."""
        with self._timed():
            moved = measure_movement(self._before, learner.network)
            self.facts["passes"].append(
                {"epoch": epoch} | moved | check_ownership(learner) | self._drawn(seen, training, epoch)
            )
            self.facts["epochs"] = len(self.facts["passes"])
            self.facts["optimizers"] = describe_optimizers(learner)
            self.facts.setdefault("parameters", list_parameters(learner))
            self.facts["first"].setdefault("batch", digest(seen.positions[: len(seen.first_inputs)]))
            self.facts.setdefault("batch", len(seen.first_inputs))
            self._before = {}

    def _drawn(self, seen: TrainedBatches, training: Images, epoch: int) -> Facts:
        assert self.labels is not None, "a pass needs labels"
        positions, targets = seen.positions.cpu().numpy(), seen.targets.cpu().numpy()
        shares, due = _shares(seen, targets), compute_due_shares(self.labels, self.spec.sampler)
        size = max(len(shares), len(due))
        error = np.abs(_padded(shares, size) - _padded(due, size)).max()
        return {
            "drawn_shares": _told(shares),
            "due_shares": _told(due),
            "share_error": float(error),
            "share_slack": 1.5 / len(positions),  # images do not divide evenly; weights are float32
            "weighted": seen.label_weights is not None,
            "targets_differ": int((self.labels[positions] != targets).sum()),
            "inputs_differ": self._inputs_differ(seen, training, epoch),
            "drawn": digest(positions),
        }

    def _inputs_differ(self, seen: TrainedBatches, training: Images, epoch: int) -> float:
        """Largest difference of the first batch from the training view of the images that clustering saw there."""
        crops = seeds.torch_generator(self.spec.seed, "augment", epoch)
        due = make_training_view(training.plain(seen.positions[: len(seen.first_inputs)]), self.spec.augment, crops)
        return float((due - seen.first_inputs).abs().max())


def digest(values: Tensor | np.ndarray) -> str:
    """The first 16 hex digits of the SHA-256 of the values' bytes."""
    array = values.detach().contiguous().cpu().numpy() if isinstance(values, Tensor) else values
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:16]


def make_training_view(plain: Tensor, augment: str, generator: torch.Generator) -> Tensor:
    """What training must see of a plain batch `(b, c, s, s)`; written down a second time, so that it can differ."""
    if augment == "none":
        return plain
    boxes = images.draw_crop_boxes(len(plain), augment, generator).to(plain.device)
    grid = F.affine_grid(boxes, list(plain.shape), align_corners=False)
    return F.grid_sample(plain, grid, mode="bilinear", padding_mode="border", align_corners=False)


def compute_due_shares(labels: Ints, sampler: str) -> np.ndarray:
    """Share of the loss that each label should have: its share of the images, or the same for every active one."""
    sizes = np.bincount(labels)
    return sizes / sizes.sum() if sampler == "natural" else (sizes > 0) / np.count_nonzero(sizes)


def _shares(seen: TrainedBatches, targets: Ints) -> np.ndarray:
    """Share of the loss that each label had."""
    weights = None if seen.label_weights is None else seen.label_weights.cpu().numpy()[targets]
    counts = np.bincount(targets, weights)
    return counts / counts.sum()


def _told(shares: np.ndarray) -> list[float]:
    """Each label's share, or only the lowest and highest of many labels."""
    kept = shares if len(shares) <= MANY_LABELS else np.array([shares.min(), shares.max()])
    return [round(float(share), 6) for share in kept]


def _padded(shares: np.ndarray, size: int) -> np.ndarray:
    return np.pad(shares, (0, size - len(shares)))


def _split(split: Split) -> Facts:
    return {"images": len(split.labels), "sha256": split.digest(), "indices": digest(split.indices)}


def describe_network(network: nn.Module) -> Facts:
    """Layers and shapes of what is trained, and a digest of all initial weights; empty without a network."""
    trunk = getattr(network, "trunk", None)
    if trunk is None:
        return {}
    values = list(trunk.parameters())
    together = hashlib.sha256("".join(digest(value) for value in values).encode())
    return {
        "layers": [type(layer).__name__ for layer in trunk.modules() if not list(layer.children())],
        "shapes": [list(value.shape) for value in values],
        "initial": together.hexdigest()[:16],
    }


@torch.no_grad()
def describe_probe(network: nn.Module, training: Images, spec: RunSpec) -> Facts:
    """One fixed image through the view of clustering, the view of training and the network's input."""
    shape = training.pixels.shape[1:]
    pattern = torch.arange(int(np.prod(shape))).mul(7).remainder(256).to(torch.uint8).reshape(1, *shape)
    probe, index = images.make_images_like(training, pattern), torch.zeros(PROBES, dtype=torch.long)
    plain = probe.plain(index)
    trained = probe.augmented(index, spec.augment, torch.Generator().manual_seed(0))
    network.eval()
    inputs = network.input(plain)
    with autocast(training.device, spec.precision):
        hidden = network.hidden(plain) if hasattr(network, "hidden") else None
    return {
        "clustering": digest(plain),
        "clustering_view": f"standardised per channel, {plain.shape[-1]} px",
        "training": digest(trained),
        "training_view": images.describe_augmentation(spec.augment),
        "input": digest(inputs),
        "input_shape": list(inputs.shape[1:]),
        "precision": hidden if hidden is None else str(hidden.dtype).removeprefix("torch."),
    }


def _stage(fitted: Transform, output: Tensor) -> Facts:
    return asdict(fitted.call) | {"output": digest(output), "dim": output.shape[-1]}


def _kmeans(clustering: Clustering) -> Facts:
    call = asdict(clustering.call) if clustering.call else {"arguments": {}}
    told = {
        "output": digest(clustering.assignment),
        "k": len(clustering.centroids),
        "starts": len(clustering.start_indices),
    }
    return call | told | {"iterations": call["arguments"].get("iterations")}


def measure_movement(before: dict[str, Tensor], network: nn.Module) -> Facts:
    """Relative L2 distance that trunk and head moved, and the absolute one of everything else."""
    told: Facts = {}
    for owner in OWNERS:
        pairs = [(before[name], value) for name, value in network.named_parameters() if name.startswith(f"{owner}.")]
        told[f"{owner}_moved"] = _distance(pairs) / max(_distance([(old * 0, old) for old, _ in pairs]), 1e-30)
    rest = [(before[name], value) for name, value in network.named_parameters() if not name.startswith(OWNERS)]
    return told | {"frozen_moved": _distance(rest)}


@torch.no_grad()
def _distance(pairs: list[tuple[Tensor, Tensor]]) -> float:
    return float(sum(((new.cpu() - old).double() ** 2).sum() for old, new in pairs)) ** 0.5


def _optimizer_parameters(learner: Learner) -> dict[str, list[nn.Parameter]]:
    held = {"trunk": learner.trunk_optimizer, "head": learner.head_optimizer}
    return {
        owner: [value for group in optimizer.param_groups for value in group["params"]] if optimizer else []
        for owner, optimizer in held.items()
    }


def list_parameters(learner: Learner) -> Facts:
    """Names and numbers of the parameters that each optimizer holds, and of those that nobody trains."""
    owners = {owner: {id(value) for value in held} for owner, held in _optimizer_parameters(learner).items()}
    told: Facts = {}
    listed = list(learner.network.named_parameters())
    for owner in (*OWNERS, "frozen"):
        mine = [(name, value) for name, value in listed if _owner(value, owners) == owner]
        told[owner] = {"names": [name for name, _ in mine], "count": sum(value.numel() for _, value in mine)}
    return told


def _owner(value: nn.Parameter, owners: dict[str, set[int]]) -> str:
    return next((owner for owner, held in owners.items() if id(value) in held), "frozen")


def check_ownership(learner: Learner) -> Facts:
    """Parameters in no optimizer though they want gradients, in both, and held by one yet not in the network."""
    held = _optimizer_parameters(learner)
    counts = {owner: {id(value) for value in values} for owner, values in held.items()}
    listed = dict(learner.network.named_parameters())
    everywhere = {id(value) for value in listed.values()}
    both = counts["trunk"] & counts["head"]
    wanting = {name for name, value in listed.items() if value.requires_grad}
    misplaced = [
        name
        for name, value in listed.items()
        if (name in wanting) != (_owner(value, counts) != "frozen")
        or _owner(value, counts) not in (name.split(".")[0], "frozen")
    ]
    strangers = sum(id(value) not in everywhere for values in held.values() for value in values)
    return {"misplaced": misplaced, "shared": len(both), "strangers": strangers}


def describe_optimizers(learner: Learner) -> Facts:
    """Class and settings of the live optimizers."""
    told: Facts = {}
    for owner, optimizer in (("trunk", learner.trunk_optimizer), ("head", learner.head_optimizer)):
        if optimizer is not None:
            group = optimizer.param_groups[0]
            told[owner] = {"class": type(optimizer).__name__.lower()} | {
                name: group[name] for name in SETTINGS if name in group
            }
    return told
