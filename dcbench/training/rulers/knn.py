"""Ruler knn: the accuracy of a vote of the nearest training images, on test images."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from dcbench.training.backends import CHUNK
from dcbench.training.rulers import Embedding

NEIGHBOURS = 20

TEMPERATURE = 0.07
"""Neighbours vote with the weight exp(cosine similarity / temperature) (Wu et al., CVPR 2018, section 3.4)."""


def score(embedding: Embedding) -> dict[str, float]:
    """Return the share of test images whose class wins the vote."""
    # Centred, because all features of an untrained network point in nearly the same direction.
    training, test = (F.normalize(features) for features in embedding.centred)
    labels, test_labels = (
        torch.from_numpy(values).to(training.device) for values in (embedding.labels, embedding.test_labels)
    )
    neighbours = min(NEIGHBOURS, len(training))
    correct = 0
    rows = max(1, CHUNK // len(training))
    for features, truth in zip(test.split(rows), test_labels.split(rows), strict=True):
        similarity, indices = (features @ training.T).topk(neighbours, dim=1)
        votes = torch.zeros(len(features), embedding.class_count, device=features.device)
        votes.scatter_add_(1, labels[indices], ((similarity - 1) / TEMPERATURE).exp())
        correct += int((votes.argmax(dim=1) == truth).sum())
    return {"test_knn_accuracy": correct / len(test)}
