"""Score the features of a row by every ruler, on training and on test images.

Everything that is applied to the test images was fitted on the training images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.training import metrics, seeds
from dcbench.training.datasets import Split
from dcbench.training.deepcluster.features import BATCH_SIZE, autocast, effective_rank, extract_features
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.learner import Learner
from dcbench.training.deepcluster.pseudo_labels import REFIT_SEED, Clustering, FeatureSpace
from dcbench.training.metrics import IntArray, Predictions
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

    def score_row(
        self, learner: Learner, features: Tensor, space: FeatureSpace, clustering: Clustering
    ) -> tuple[MetricsRow, Predictions]:
        """Return the columns of every ruler for the features `(n, d)` of the training images, and their predictions.

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
        predictions: Predictions = {}
        for ruler in RULERS.values():
            predictions |= ruler.predict(embedding)
        if registry.facts("methods", self.spec.method).get("supervised"):
            predictions |= refit.predict_unwhitened(embedding)
            if learner.labels is not None:  # row 0 has no trained head
                predictions["test_head"] = predict_classes(learner.network, self.test_images, self.spec)
        row: MetricsRow = dict(metrics.score_predictions(predictions, self.training.labels, self.test.labels))
        # Of the raw features: whitening hides a collapse. The rulers have computed their scatter already.
        row["feature_rank"] = effective_rank(features, embedding.scatter)
        return row, predictions

    def score_chance(self) -> dict[str, float]:
        """Return the scores of the training images for random clusters, as many as there are classes."""
        rng = seeds.numpy_generator(REFIT_SEED, "chance")
        assignment = rng.integers(0, self.training.class_count, len(self.training.labels))
        return {name: score(self.training.labels, assignment) for name, score in metrics.TRUTH_SCORES.items()}


def predict_classes(network: nn.Module, images: Images, spec: RunSpec) -> IntArray:
    """Return the class `(m,)` that the head predicts for each plain image, in eval mode."""
    network.eval()
    classes = []
    with torch.no_grad():
        for indices in torch.arange(len(images), device=images.device).split(BATCH_SIZE):
            with autocast(images.device, spec.precision):
                classes.append(network(images.plain(indices)).argmax(dim=1))
    predicted: IntArray = torch.cat(classes).cpu().numpy()
    return predicted
