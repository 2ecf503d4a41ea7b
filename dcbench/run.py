"""One run, start to end: cluster the features, train on the cluster ids, repeat.

In: a spec, its run folder, and where to work. Out: metrics.csv row by row, provenance.json and
assignments.npz. Row `e` is the network after `e` training passes; row 0 is the untrained network.
"""

from __future__ import annotations

import io
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dcbench import metrics, provenance
from dcbench.columns import STAGES
from dcbench.datasets import Split, load_training
from dcbench.deepcluster import images, pseudo_labels
from dcbench.deepcluster.clock import StageClock
from dcbench.deepcluster.features import BATCH, effective_rank, extract
from dcbench.deepcluster.heads import new_head
from dcbench.deepcluster.network import build_network
from dcbench.deepcluster.optimizers import trunk_optimizer
from dcbench.deepcluster.pseudo_labels import Clustering
from dcbench.deepcluster.samplers import Ints
from dcbench.deepcluster.training import Learner, Pass, train
from dcbench.rundir import RunDir, write_aside
from dcbench.spec import RunSpec


@dataclass(frozen=True)
class Workplace:
    """Where a run works; none of it is part of its identity."""

    data_dir: Path
    device: torch.device
    threads: int = 1
    jobs: int = 1
    command: str = ""


Row = dict[str, float | int | None]


def execute(spec: RunSpec, folder: RunDir, at: Workplace) -> None:
    """Do one run from its first to its last row."""
    split = load_training(spec, at.data_dir)
    folder.write_provenance(provenance.gather(spec, split, at.device, at.threads, at.jobs, at.command))
    cuda = [at.device.index or 0] if at.device.type == "cuda" else []
    for index in cuda:
        torch.cuda.reset_peak_memory_stats(index)
    with torch.random.fork_rng(devices=cuda):
        assignment = _epochs(spec, folder, split, at.device)
    archive = io.BytesIO()
    np.savez_compressed(archive, assignment=assignment, indices=split.indices, labels=split.labels)
    write_aside(folder.assignments_file, archive.getvalue())


def _epochs(spec: RunSpec, folder: RunDir, split: Split, device: torch.device) -> Ints:
    clock = StageClock(device)
    training = images.of_training(torch.from_numpy(split.pixels), spec.image_size, device)
    network = build_network(spec, device)
    learner = Learner(network, trunk_optimizer(network.trunk, spec))
    pseudo_labels.warm_up(spec, device)
    extract(network, training, spec.precision, first=BATCH)
    labels: Ints | None = None
    previous: Ints | None = None
    for epoch in range(spec.epochs + 1):
        passed = None
        if labels is not None:
            with clock.stage("train"):
                passed = train(learner, training, labels, spec, epoch)
        with clock.stage("features"):
            features = extract(network, training, spec.precision)
        clustering = pseudo_labels.cluster(features, spec, epoch, clock)
        with clock.stage("evaluate"):
            row = _scores(split, clustering, previous, spec) | {"feature_rank": effective_rank(features)}
        reassigned = epoch < spec.epochs and epoch % spec.reassign_every == 0
        if reassigned:
            labels = clustering.assignment
            learner.head_optimizer = new_head(network, spec, epoch)
        previous = clustering.assignment
        cost = _seconds(clock.take(), reassigned) | {"peak_memory_mb": _peak_memory_mb(device)}
        folder.append_metrics({"epoch": epoch, "reassigned": int(reassigned)} | _passed(passed) | row | cost)
    return clustering.assignment


def _scores(split: Split, clustering: Clustering, previous: Ints | None, spec: RunSpec) -> Row:
    """The clustering against the labels, against the one before, and its shape."""
    assignment = clustering.assignment
    row: Row = {name: score(split.labels, assignment) for name, score in metrics.TRUTH.items()}
    row["nmi_previous"] = metrics.nmi_previous(previous, assignment)
    row |= metrics.occupancy(assignment, spec.k)
    return row | {"refilled_clusters": clustering.refilled, "split_clusters": clustering.split}


def _passed(passed: Pass | None) -> Row:
    if passed is None:
        return {}
    return {
        "loss": passed.loss,
        "pseudo_label_accuracy": passed.accuracy,
        "images_per_second_train": round(passed.images_per_second, 1),
    }


def _seconds(taken: Mapping[str, float], reassigned: bool) -> Row:
    """The stage columns; the time of a clustering that only serves the metrics counts as evaluate."""
    seconds = dict(taken)
    if not reassigned:
        for stage in ("features", "pca", "whiten", "kmeans"):
            seconds["evaluate"] = round(seconds["evaluate"] + seconds.pop(stage, 0.0), 4)
    return {f"seconds_{stage}": seconds.get(stage) for stage in STAGES}


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)
