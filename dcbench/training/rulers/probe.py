"""Ruler probe: the accuracy of a linear classifier on test images, fitted by ridge regression on training images."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from dcbench.training.metrics import Predictions
from dcbench.training.rulers import Embedding

RIDGE = 1e-3
"""Penalty on the squared weights, for features of unit variance and the mean squared error."""

SMALLEST_VARIANCE = 1e-12
"""Features that vary less carry no information; without it collapsed features would be divided by 0."""


def predict(embedding: Embedding) -> Predictions:
    """Return the class of each test image that gets the highest output.

    The one-hot labels are regressed on the standardised features, which has a closed form: no learning rate, no
    number of steps and no random start can change the score.
    """
    training, test = embedding.centred
    labels = torch.from_numpy(embedding.labels).to(training.device)
    targets = F.one_hot(labels, embedding.class_count).double()
    # W = (R + ridge I)^-1 X'Y / n for the correlation matrix R and standardised features X. The offset of each class is
    # its share, because X is centred.
    covariance = embedding.scatter / (len(training) - 1)
    deviations = covariance.diagonal().clamp_min(SMALLEST_VARIANCE).sqrt()
    correlation = covariance / deviations / deviations[:, None]
    correlation.diagonal().add_(RIDGE)
    shares = targets.mean(dim=0)
    products = (training.T @ (targets - shares).float()).double() / deviations[:, None] / len(training)
    weights = torch.cholesky_solve(products, torch.linalg.cholesky(correlation)) / deviations[:, None]
    return {"test_probe": (test @ weights.float() + shares.float()).argmax(dim=1).cpu().numpy()}
