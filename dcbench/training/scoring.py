"""Score the features of a row by every ruler, on training and on test images.

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
from dcbench.training.datasets import Split
from dcbench.training.deepcluster.features import BATCH_SIZE, autocast, extract_features
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.learner import Learner
from dcbench.training.deepcluster.pseudo_labels import REFIT_SEED, Clustering, FeatureSpace
from dcbench.training.metrics import IntArray
from dcbench.training.rulers import Embedding, knn, l2, own, pca, pca_whitened, probe, refit

RULERS = {
    "own": own, "refit": refit, "l2": l2, "pca": pca, "pca_whitened": pca_whitened, "knn": knn, "probe": probe,
}  # fmt: skip
"""Name -> file of each ruler in core/columns.py."""

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
        """Return the columns of every ruler for the features `(n, d)` of the training images.

        A supervised run gets two more scores: the accuracy of its head, and the refit without the whitening.
        """
        embedding = Embedding(
            training=features,
            test=extract_features(learner.network, self.test_images, self.spec.precision),
            labels=self.training.labels,
            test_labels=self.test.labels,
            class_count=self.training.class_count,
            space=space,
            clustering=clustering,
            spec=self.spec,
        )
        row: MetricsRow = {}
        for ruler in RULERS.values():
            row |= ruler.score(embedding)
        if registry.facts("methods", self.spec.method).get("supervised"):
            row |= refit.score_unwhitened(embedding)
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
