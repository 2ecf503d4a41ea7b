"""Every score of one row: this clustering, the refit, and both on test images.

In: the preprocessed features of the training images, those of the test images, a clustering. Out: columns of
metrics.csv. Test images only ever meet what was fitted on training images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.training import metrics, seeds
from dcbench.training.backends import nearest
from dcbench.training.datasets import Split
from dcbench.training.deepcluster.features import BATCH, autocast, extract_features
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.network import Network
from dcbench.training.deepcluster.preprocessing import FeatureSpace
from dcbench.training.deepcluster.pseudo_labels import REFIT_SEED, Clustering, refit
from dcbench.training.deepcluster.samplers import Ints
from dcbench.training.deepcluster.training import Learner

Row = dict[str, float | int | None]


@dataclass(frozen=True)
class Scorer:
    """Both splits, the test images as the network takes them, and the spec that says how to refit."""

    training: Split
    test: Split
    images: Images
    spec: RunSpec

    def row(self, learner: Learner, features: Tensor, space: FeatureSpace, clustering: Clustering) -> Row:
        """Scores of the row's own clustering and of the refit, on training and on test images."""
        test_features = extract_features(learner.network, self.images, self.spec.precision)
        test_points = space.place(test_features)
        row = self._family("", clustering.assignment, clustering.centroids, test_points)
        row |= self._refit("refit_", space.points, test_points)
        if registry.facts("methods", self.spec.method).get("supervised"):
            row |= self._ceiling(learner, features, test_features, space)
        return row

    def chance(self) -> Row:
        """Scores of the training images under random clusters, as many as there are classes."""
        rng = seeds.numpy_generator(REFIT_SEED, "chance")
        assignment = rng.integers(0, self.training.classes, len(self.training.labels))
        return {name: score(self.training.labels, assignment) for name, score in metrics.TRUTH.items()}

    def _ceiling(self, learner: Learner, features: Tensor, test_features: Tensor, space: FeatureSpace) -> Row:
        """What supervised training shows beside: its head on test images, and the refit without the whitening."""
        points, test_points = (space.place(values, whitened=False) for values in (features, test_features))
        row = self._refit("unwhitened_refit_", points, test_points)
        if learner.labels is not None:
            row["test_head_accuracy"] = head_accuracy(learner.network, self.images, self.test.labels, self.spec)
        return row

    def _refit(self, prefix: str, points: Tensor, test_points: Tensor) -> Row:
        found = refit(points, self.training.classes, self.spec)
        return self._family(prefix, found.assignment.cpu().numpy(), found.centroids, test_points)

    def _family(self, prefix: str, assignment: Ints, centroids: Tensor, test_points: Tensor) -> Row:
        truth = self.training.labels
        tested = nearest(test_points, centroids).cpu().numpy()
        scores = {name: score(truth, assignment) for name, score in metrics.TRUTH.items()}
        held_out = metrics.held_out((truth, assignment), self.test.labels, tested)
        return {prefix + name: value for name, value in scores.items()} | {
            f"test_{prefix}{name}": value for name, value in held_out.items()
        }


@torch.no_grad()
def head_accuracy(network: Network, images: Images, labels: Ints, spec: RunSpec) -> float:
    """Share of images whose label the head predicts, plain images in eval mode."""
    network.eval()
    right = 0
    for indices in torch.arange(len(images), device=images.device).split(BATCH):
        with autocast(images.device, spec.precision):
            predicted = network(images.plain(indices)).argmax(dim=1)
        right += int(np.sum(predicted.cpu().numpy() == labels[indices.cpu().numpy()]))
    return right / len(images)
