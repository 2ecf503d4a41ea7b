"""Extract the features of all images (the "embed" step of loop.py), and measure their effective rank."""

from __future__ import annotations

import torch
from torch import Tensor

from dcbench.errors import NotFiniteError
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.network import Network, PixelFeatures

BATCH_SIZE = 256
"""Images in a forward pass without training; affects only speed and memory."""


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the mixed-precision context of forward passes; it does nothing for float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def extract_features(
    network: Network | PixelFeatures, images: Images, precision: str, limit: int | None = None
) -> Tensor:
    """Return the features `(n, d)` float32 of the plain images, or of the first `limit` of them.

    The network is in eval mode. NotFiniteError is raised when a feature is NaN or infinite.
    """
    network.eval()
    device = images.device
    batches = []
    with torch.no_grad():
        for indices in torch.arange(len(images), device=device)[:limit].split(BATCH_SIZE):
            with autocast(device, precision):
                # Plain images, never augmented ones: the clustering must not depend on a random crop.
                batches.append(network.features(images.plain(indices)).float())
    features = torch.cat(batches)
    if not torch.isfinite(features).all():
        raise NotFiniteError("the features became NaN or infinite; the learning rate may be too high")
    return features


def centre(features: Tensor) -> Tensor:
    """Return the features `(n, d)` less their mean, in float64."""
    return features.double() - features.double().mean(dim=0)


def compute_scatter(features: Tensor) -> Tensor:
    """Return the scatter matrix `(d, d)` float64 of the features `(n, d)`: the products of the centred features."""
    centred = centre(features)
    return centred.T @ centred


def effective_rank(features: Tensor, scatter: Tensor | None = None) -> float:
    """Return the exponential of the entropy of the covariance spectrum of `(n, d)`; 1 is total collapse.

    `scatter` is the scatter matrix of the features where it is known already. Source: Roy and Vetterli, "The effective
    rank" (EUSIPCO 2007), on the covariance's eigenvalues, in float64.
    """
    # Both products have the same non-zero eigenvalues; the smaller one is cheaper.
    if features.shape[0] < features.shape[1]:
        centred = centre(features)
        gram = centred @ centred.T
    else:
        gram = compute_scatter(features) if scatter is None else scatter
    spectrum = torch.linalg.eigvalsh(gram).clamp_min(0)
    if spectrum.sum() == 0:  # all features are equal
        return 1.0
    share = spectrum / spectrum.sum()
    return float(torch.exp(-(share * share.clamp_min(1e-300).log()).sum()))
