"""Compute the scores of a row: of its clustering and of the refit, on training and on test images.

Everything that is applied to the test images was fitted on the training images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.training import metrics, seeds
from dcbench.training.backends import assign_to_nearest
from dcbench.training.datasets import Split
from dcbench.training.deepcluster.features import BATCH_SIZE, autocast, extract_features
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.learner import Learner
from dcbench.training.deepcluster.pseudo_labels import REFIT_SEED, Clustering, FeatureSpace, refit
from dcbench.training.metrics import IntArray

MetricsRow = dict[str, float | int | None]
"""Columns of metrics.csv with their values; None is written as an empty field."""


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """Score the rows of one run."""

    training: Split
    test: Split
    test_images: Images
    """The pixels of `test`, standardised as the training images are."""
    spec: RunSpec

    def score_row(self, learner: Learner, features: Tensor, space: FeatureSpace, clustering: Clustering) -> MetricsRow:
        """Return the scores of the row's clustering and of the refit, on training and on test images.

        A supervised run gets two more: the accuracy of its head, and the refit without the whitening.
        """
        test_features = extract_features(learner.network, self.test_images, self.spec.precision)
        test_points = space.transform(test_features)
        row = self.score_assignment("", clustering.assignment, clustering.centroids, test_points)
        row |= self.score_refit("refit_", space.points, test_points)
        if registry.facts("methods", self.spec.method).get("supervised"):
            points, test_points = (space.transform(values, whitened=False) for values in (features, test_features))
            row |= self.score_refit("unwhitened_refit_", points, test_points)
            if learner.labels is not None:  # row 0 has no trained head
                row["test_head_accuracy"] = measure_head_accuracy(
                    learner.network, self.test_images, self.test.labels, self.spec
                )
        return row

    def score_chance(self) -> dict[str, float]:
        """Return the scores of the training images for random clusters, as many as there are classes."""
        rng = seeds.numpy_generator(REFIT_SEED, "chance")
        assignment = rng.integers(0, self.training.class_count, len(self.training.labels))
        return {name: score(self.training.labels, assignment) for name, score in metrics.TRUTH_SCORES.items()}

    def score_refit(self, prefix: str, points: Tensor, test_points: Tensor) -> MetricsRow:
        """Cluster the training points `(n, d)` again, with as many clusters as classes, and return the scores."""
        kmeans = refit(points, self.training.class_count, self.spec)
        return self.score_assignment(prefix, kmeans.assignment.cpu().numpy(), kmeans.centroids, test_points)

    def score_assignment(self, prefix: str, assignment: IntArray, centroids: Tensor, test_points: Tensor) -> MetricsRow:
        """Return the scores of a clustering; test images belong to the nearest centroid of the training images."""
        truth = self.training.labels
        test_assignment = assign_to_nearest(test_points, centroids).cpu().numpy()
        row: MetricsRow = {prefix + name: score(truth, assignment) for name, score in metrics.TRUTH_SCORES.items()}
        held_out = metrics.score_held_out((truth, assignment), self.test.labels, test_assignment)
        return row | {f"test_{prefix}{name}": value for name, value in held_out.items()}


def measure_head_accuracy(network: nn.Module, images: Images, labels: IntArray, spec: RunSpec) -> float:
    """Return the share of plain images whose label the head predicts, in eval mode."""
    network.eval()
    correct = 0
    with torch.no_grad():
        for indices in torch.arange(len(images), device=images.device).split(BATCH_SIZE):
            with autocast(images.device, spec.precision):
                predicted = network(images.plain(indices)).argmax(dim=1)
            correct += int(np.sum(predicted.cpu().numpy() == labels[indices.cpu().numpy()]))
    return correct / len(images)
