"""Train one run from start to end: train a pass, embed, reduce, cluster, score, relabel, and repeat.

The run writes metrics.csv row by row, provenance.json, audit.json and assignments.npz. Row `e` is the network after `e`
training passes; row 0 is the untrained network.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch

from dcbench import registry
from dcbench.core import devices
from dcbench.core.spec import RunSpec
from dcbench.core.store.files import write_atomic
from dcbench.core.store.run_dir import RunDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.training import checkpoint, metrics
from dcbench.training.audit_recorder import AuditRecorder
from dcbench.training.costs import StageClock, fill_seconds_columns, read_peak_memory_mb
from dcbench.training.datasets import Split, load_test, load_training
from dcbench.training.deepcluster.features import BATCH_SIZE, extract_features
from dcbench.training.deepcluster.images import make_images_like, make_training_images
from dcbench.training.deepcluster.pseudo_labels import cluster, preprocess, warm_up_backends
from dcbench.training.deepcluster.training_pass import train_pass
from dcbench.training.metrics import IntArray
from dcbench.training.predictions import PredictionRecord
from dcbench.training.provenance import gather_provenance
from dcbench.training.scoring import MetricsRow, Scorer


class Stopped(BaseException):
    """A stop was requested; the run has a checkpoint and goes back to pending."""


def train_run(
    spec: RunSpec,
    folder: RunDir,
    config: WorkerConfig,
    *,
    stop_requested: Callable[[], bool] = lambda: False,
    neighbours: Callable[[], list[str] | None] = lambda: None,
) -> None:
    """Train one run up to its last row, from the start or from its checkpoint.

    `stop_requested` is called after every row; if true, the run saves a checkpoint and raises Stopped. `neighbours`
    returns the runs that have shared the device so far, None if that cannot be known.
    """
    training, test = load_training(spec, config.data_dir), load_test(spec, config.data_dir)
    cuda = [0] if config.device == "cuda" else []
    for index in cuda:
        torch.cuda.init()
        torch.cuda.reset_peak_memory_stats(index)
        # Never take more than the scheduler reserved: the rest belongs to the other runs on this GPU.
        if config.memory_mb is not None:
            total = torch.cuda.get_device_properties(index).total_memory / 1e6
            torch.cuda.set_per_process_memory_fraction(devices.memory_fraction(config.memory_mb, total), index)
    # Dropout and the constructors of layers draw from torch's global generator; leave the caller's as it was.
    with torch.random.fork_rng(devices=cuda):
        trainer = Trainer(spec, folder, config, training, test)
        assignment = trainer.run(stop_requested, neighbours)
    archive = io.BytesIO()
    arrays = {
        "assignment": assignment, "indices": training.indices, "labels": training.labels,
        "test_indices": test.indices, "test_labels": test.labels, **trainer.predictions.stack(),
    }  # fmt: skip
    np.savez_compressed(archive, allow_pickle=False, **arrays)
    write_atomic(folder.assignments_file, archive.getvalue())
    if not config.keep_weights:
        folder.checkpoint_file.unlink(missing_ok=True)


class Trainer:
    """Run the epochs of one run; hold the images, the learner, the last assignment and the records."""

    def __init__(self, spec: RunSpec, folder: RunDir, config: WorkerConfig, training: Split, test: Split) -> None:
        self.spec, self.folder, self.config, self.split = spec, folder, config, training
        self.device = torch.device(config.device)
        self.clock = StageClock(self.device)
        self.images = make_training_images(torch.from_numpy(training.pixels), spec.image_size, self.device)
        test_images = make_images_like(self.images, torch.from_numpy(test.pixels))
        self.scorer = Scorer(training=training, test=test, test_images=test_images, spec=spec)
        self.method = registry.load("methods", spec.method)
        self.learner = self.method.begin(spec, self.device)
        self.previous: IntArray | None = None
        self.predictions = PredictionRecord(spec.epochs)
        self.recorder = AuditRecorder(spec)
        self.recorder.facts |= {
            "method": registry.plugin_name(self.method),
            "exact": config.device == "cpu" and config.threads == 1,  # all other settings repeat only up to rounding
            "chance": self.scorer.score_chance(),
        }
        if plugins := registry.describe_own_plugins(spec.plugins):
            self.recorder.facts["plugins"] = {name: plugin["sha256"] for name, plugin in plugins.items()}
        self.recorder.record_data(training, test)
        self.recorder.record_network(self.learner, self.images)

    def run(self, stop_requested: Callable[[], bool], neighbours: Callable[[], list[str] | None]) -> IntArray:
        """Run every epoch that is left; return the last assignment `(n,)`."""
        schedule = checkpoint.CheckpointSchedule(self.config.checkpoint_every)
        first = self.resume()

        config, data = self.config, self.recorder.facts["data"]["training"]
        provenance = gather_provenance(self.spec, data, self.device, config.threads, config.jobs, config.command)
        provenance |= {"predicted_seconds": config.predicted_seconds, "reserved_mb": config.memory_mb}
        provenance["shared_with"] = neighbours()
        # Rows of earlier attempts stay in metrics.csv, so keep their provenance as well.
        if first > 0 and (earlier := self.folder.read_earlier_attempts()):
            provenance["earlier_attempts"] = earlier
        self.folder.write_provenance(provenance)

        # Libraries and the network set themselves up at their first call. Do that before the clock starts.
        warm_up_backends(self.spec, self.device)
        extract_features(self.learner.network, self.images, self.spec.precision, limit=BATCH_SIZE)

        for epoch in range(first, self.spec.epochs + 1):
            self.previous = self.run_epoch(epoch)
            if (shared_with := neighbours()) != provenance["shared_with"]:
                provenance["shared_with"] = shared_with
                self.folder.write_provenance(provenance)
            self.folder.write_audit(self.recorder.facts)
            last = epoch == self.spec.epochs
            # Ask once per row: a request between two calls would stop the run without a checkpoint.
            stopping = not last and stop_requested()
            if self.config.keep_weights if last else schedule.due() or stopping:
                predictions, facts = self.predictions.stack(), self.recorder.facts
                checkpoint.save_checkpoint(self.folder, self.learner, epoch, self.previous, predictions, facts)
            if stopping:
                raise Stopped
        assert self.previous is not None, "a run has at least row 0, or resumes after it"
        return self.previous

    def resume(self) -> int:
        """Continue from the run's checkpoint if it is usable; return the first epoch to run."""
        saved = checkpoint.resume_from_checkpoint(self.folder, self.learner, self.spec, self.recorder.facts["data"])
        if saved is None:
            if self.folder.checkpoint_file.exists():
                # Loading it may have failed after some weights had been changed.
                self.learner = self.method.begin(self.spec, self.device)
            self.folder.clear_rows()
            return 0
        self.previous = saved.previous
        self.predictions = PredictionRecord(self.spec.epochs, saved.predictions)
        self.recorder.resume(saved.facts, self.learner.labels, saved.epoch)
        self.folder.write_audit(self.recorder.facts)
        self.folder.append_log(f"resumed after epoch {saved.epoch}")
        return saved.epoch + 1

    def run_epoch(self, epoch: int) -> IntArray:
        """Run one epoch of DeepCluster and write its row; return the row's assignment `(n,)`.

        Sections and equations are those of the paper (Caron et al., ECCV 2018); the exact settings are in RunSpec.
        """
        row: MetricsRow = {"epoch": epoch}

        # 1. TRAIN on the labels of the last relabelling: a pass over the drawn images, equation (1). Row e is the
        #    network after e passes, so row 0 has no pass, and its loss stays empty.
        if epoch > 0:
            self.recorder.before_pass(self.learner)
            with self.clock.stage("train"):
                trained = train_pass(self.learner, self.images, self.spec, epoch)
            self.recorder.after_pass(self.learner, trained, self.images, epoch)
            row |= {"loss": trained.loss, "pseudo_label_accuracy": trained.accuracy}
            row["images_per_second_train"] = round(trained.images_per_second, 1)

        # 2. EMBED all training images, with the network in eval mode. Clustering sees the plain images, never the
        #    augmented ones. From here on everything is in the order of the images, as are the true labels; a public
        #    version scored assignments in cluster order against labels in data-set order.
        with self.clock.stage("features"):
            features = extract_features(self.learner.network, self.images, self.spec.precision)

        # 3. REDUCE the features: PCA, whitening, L2 normalisation (section 3.4).
        space = preprocess(features, self.spec, self.clock)

        # 4. CLUSTER them: k-means, equation (2), and the refilling of empty clusters (section 3.3).
        clustering = cluster(space, self.spec, epoch, self.clock)
        if epoch == 0:
            self.recorder.record_clustering(space, clustering)

        # 5. SCORE the clustering. The true labels and the test images are only read here: no score reaches the
        #    training, and none chooses an epoch.
        with self.clock.stage("evaluate"):
            scores, predictions = self.scorer.score_row(self.learner, features, space, clustering)
            self.predictions.add(epoch, predictions)
            row |= scores
            row["nmi_previous"] = metrics.nmi_previous(self.previous, clustering.assignment)
            row |= metrics.cluster_filling(clustering.assignment, self.spec.k)
            row |= {"refilled_clusters": clustering.refilled_count, "split_clusters": clustering.split_count}

        # 6. RELABEL: the clusters become the labels of the next passes (section 3.2). Cluster ids mean nothing in
        #    another clustering, so the method makes a new head, and with it a new optimizer over that head.
        reassigned = self.method.relabel(self.learner, clustering.assignment, self.split, self.spec, epoch)
        if reassigned:
            self.recorder.record_relabelling(clustering.assignment, epoch)
        row["reassigned"] = int(reassigned)

        row |= fill_seconds_columns(self.clock.take(), reassigned)
        row["peak_memory_mb"] = read_peak_memory_mb(self.device)
        self.folder.append_metrics(row)
        return clustering.assignment
