"""Ruler knn: the accuracy of a vote of the nearest training images, on test images."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from dcbench.training.backends import CHUNK
from dcbench.training.metrics import NOT_PREDICTED, Predictions
from dcbench.training.rulers import SAMPLE, Embedding, spread_evenly

NEIGHBOURS = 20

TEMPERATURE = 0.07
"""Neighbours vote with the weight exp(cosine similarity / temperature) (Wu et al., CVPR 2018, section 3.4)."""

TEST_SAMPLE = 2048
"""At most this many test images are classified."""


def predict(embedding: Embedding) -> Predictions:
    """Return the class of each test image that wins the vote.

    The neighbours are looked for among a sample of the training images, since the time of comparing all pairs would
    grow with the square of the dataset.
    """
    # Centred, because all features of an untrained network point in nearly the same direction.
    training, test = (F.normalize(features) for features in embedding.centred)
    seen, asked = spread_evenly(len(training), SAMPLE), spread_evenly(len(test), TEST_SAMPLE)
    training, test = training[seen], test[asked]
    labels = torch.from_numpy(embedding.labels[seen.numpy()]).to(training.device)
    neighbours = min(NEIGHBOURS, len(training))
    classes = []
    for features in test.split(max(1, CHUNK // len(training))):
        similarity, indices = (features @ training.T).topk(neighbours, dim=1)
        votes = torch.zeros(len(features), embedding.class_count, device=features.device)
        votes.scatter_add_(1, labels[indices], ((similarity - 1) / TEMPERATURE).exp())
        classes.append(votes.argmax(dim=1))
    predicted = np.full(len(embedding.test), NOT_PREDICTED)
    predicted[asked.numpy()] = torch.cat(classes).cpu().numpy()
    return {"test_knn": predicted}
