"""One run, start to end: cluster the features, train on the cluster ids, repeat.

In: a spec, its run folder, and where to work. Out: metrics.csv row by row, provenance.json, audit.json and
assignments.npz. Row `e` is the network after `e` training passes; row 0 is the untrained network.
"""

from __future__ import annotations

import io
import resource
import sys
from collections.abc import Callable, Mapping

import numpy as np
import torch

from dcbench import registry
from dcbench.core import devices
from dcbench.core.columns import STAGES
from dcbench.core.spec import RunSpec
from dcbench.core.store.files import write_atomic
from dcbench.core.store.run_dir import RunDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.training import checkpoint, metrics, provenance
from dcbench.training.audit_recorder import AuditRecorder
from dcbench.training.datasets import Split, load_test, load_training
from dcbench.training.deepcluster import images, preprocessing, pseudo_labels
from dcbench.training.deepcluster.clock import StageClock
from dcbench.training.deepcluster.features import BATCH, effective_rank, extract_features
from dcbench.training.deepcluster.samplers import Ints
from dcbench.training.deepcluster.training import TrainingPass, train_pass
from dcbench.training.scoring import Row, Scorer


class Stopped(BaseException):
    """The worker was asked to stop; the run goes back to pending."""


def train_run(
    spec: RunSpec,
    folder: RunDir,
    config: WorkerConfig,
    *,
    stop_requested: Callable[[], bool] = lambda: False,
    neighbours: Callable[[], list[str] | None] = lambda: None,
) -> None:
    """Do one run to its last row, from the first or from its checkpoint.

    `stop_requested` is called after every row; if true, the run saves a checkpoint and raises Stopped. `neighbours`
    returns the runs that have shared the device so far, None if that cannot be known.
    """
    training, test = load_training(spec, config.data_dir), load_test(spec, config.data_dir)
    cuda = [0] if config.device == "cuda" else []
    for index in cuda:
        _enter_gpu(index, config.memory_mb)
    with torch.random.fork_rng(devices=cuda):
        loop = _Loop(spec, folder, config, training, test)
        assignment = loop.epochs(stop_requested, neighbours)
    archive = io.BytesIO()
    np.savez_compressed(archive, assignment=assignment, indices=training.indices, labels=training.labels)
    write_atomic(folder.assignments_file, archive.getvalue())
    if not config.keep_weights:
        folder.checkpoint_file.unlink(missing_ok=True)


def _enter_gpu(index: int, memory_mb: float | None) -> None:
    """Count memory from here, and never take more than was reserved, so that neighbours find theirs."""
    torch.cuda.init()
    torch.cuda.reset_peak_memory_stats(index)
    if memory_mb is not None:
        total = torch.cuda.get_device_properties(index).total_memory / 1e6
        torch.cuda.set_per_process_memory_fraction(devices.memory_fraction(memory_mb, total), index)


class _Loop:
    """The epochs of one run: what stays the same in all of them, and what the last one left."""

    def __init__(self, spec: RunSpec, folder: RunDir, config: WorkerConfig, training: Split, test: Split) -> None:
        self.spec, self.folder, self.config, self.split = spec, folder, config, training
        self.device = torch.device(config.device)
        self.clock = StageClock(self.device)
        self.training = images.training_images(torch.from_numpy(training.pixels), spec.image_size, self.device)
        testing = images.images_like(self.training, torch.from_numpy(test.pixels))
        self.scorer = Scorer(training, test, testing, spec)
        self.method = registry.load("methods", spec.method)
        self.learner = self.method.begin(spec, self.device)
        self.previous: Ints | None = None
        self.witness = AuditRecorder(spec)
        self.witness.facts |= {
            "method": registry.plugin_name(self.method),
            "exact": config.device == "cpu" and config.threads == 1,
            "chance": self.scorer.chance(),
        }
        self.witness.data(training, test)
        self.witness.network(self.learner, self.training)

    def epochs(self, stop_requested: Callable[[], bool], neighbours: Callable[[], list[str] | None]) -> Ints:
        """Every row that is left to do; returns the last assignment `(n,)`."""
        schedule = checkpoint.CheckpointSchedule(self.config.checkpoint_every)
        first = self._resume()
        self._write_provenance(first > 0, neighbours())
        pseudo_labels.warm_up(self.spec, self.device)
        extract_features(self.learner.network, self.training, self.spec.precision, first=BATCH)
        for epoch in range(first, self.spec.epochs + 1):
            self._row(epoch)
            self._note_neighbours(neighbours())
            self.folder.write_audit(self.witness.facts)
            last = epoch == self.spec.epochs
            if self.config.keep_weights if last else schedule.due() or stop_requested():
                checkpoint.save_checkpoint(self.folder, self.learner, epoch, self.previous, self.witness.facts)
            if not last and stop_requested():
                raise Stopped
        return self.previous

    def _write_provenance(self, resumed: bool, neighbours: list[str] | None) -> None:
        """Where and with what this attempt works; those before it that its rows come from are kept."""
        config, data = self.config, self.witness.facts["data"]["training"]
        before = self.folder.read_earlier_attempts() if resumed else []
        facts = provenance.gather_provenance(self.spec, data, self.device, config.threads, config.jobs, config.command)
        facts |= {"predicted_seconds": config.predicted_seconds, "reserved_mb": config.memory_mb}
        self.provenance = facts | {"shared_with": neighbours} | ({"earlier_attempts": before} if before else {})
        self.folder.write_provenance(self.provenance)

    def _note_neighbours(self, neighbours: list[str] | None) -> None:
        """Record who has come to the device since."""
        if neighbours != self.provenance["shared_with"]:
            self.provenance["shared_with"] = neighbours
            self.folder.write_provenance(self.provenance)

    def _resume(self) -> int:
        """Put the checkpoint in place where there is one; the first row to do."""
        saved = checkpoint.resume_from_checkpoint(self.folder, self.learner, self.spec, self.witness.facts["data"])
        if saved is None:
            if self.folder.checkpoint_file.exists():  # putting it in place may have ended half-way
                self.learner = self.method.begin(self.spec, self.device)
            self.folder.clear_rows()
            return 0
        self.previous = saved.previous
        self.witness.resume(saved.facts, self.learner.labels, saved.epoch)
        self.folder.write_audit(self.witness.facts)
        self.folder.append_log(f"going on after epoch {saved.epoch}")
        return saved.epoch + 1

    def _row(self, epoch: int) -> None:
        """Train (but for row 0), extract, cluster, score, and let the clustering become the labels."""
        passed = self._trained(epoch) if epoch else None
        with self.clock.stage("features"):
            features = extract_features(self.learner.network, self.training, self.spec.precision)
        space = preprocessing.preprocess(features, self.spec, self.clock)
        found = pseudo_labels.cluster(space, self.spec, epoch, self.clock)
        if epoch == 0:
            self.witness.clustering(space, found)
        with self.clock.stage("evaluate"):
            row = self.scorer.row(self.learner, features, space, found)
            row |= {"nmi_previous": metrics.nmi_previous(self.previous, found.assignment)}
            row |= metrics.cluster_filling(found.assignment, self.spec.k) | {"feature_rank": effective_rank(features)}
            row |= {"refilled_clusters": found.refilled, "split_clusters": found.split}
        reassigned = self.method.relabel(self.learner, found.assignment, self.split, self.spec, epoch)
        if reassigned:
            self.witness.labelled(found.assignment, epoch)
        self.previous = found.assignment
        cost = _seconds(self.clock.take(), reassigned) | {"peak_memory_mb": _peak_memory_mb(self.device)}
        self.folder.append_metrics({"epoch": epoch, "reassigned": int(reassigned)} | _passed(passed) | row | cost)

    def _trained(self, epoch: int) -> TrainingPass:
        self.witness.before_pass(self.learner)
        with self.clock.stage("train"):
            passed = train_pass(self.learner, self.training, self.spec, epoch)
        self.witness.after_pass(self.learner, passed.seen, self.training, epoch)
        return passed


def _passed(passed: TrainingPass | None) -> Row:
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
        return round(torch.cuda.max_memory_reserved(device) / 1e6, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)
