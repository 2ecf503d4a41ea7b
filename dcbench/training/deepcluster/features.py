"""Features of all images, with the network in eval mode, and the rank that shows their collapse."""

from __future__ import annotations

import torch
from torch import Tensor

from dcbench.errors import NotFiniteError
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.network import Network

BATCH = 256
"""Images a forward pass; it changes nothing but speed and memory."""


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The mixed precision in which forward passes run; off for float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


@torch.no_grad()
def extract_features(network: Network, images: Images, precision: str, first: int | None = None) -> Tensor:
    """Features `(n, d)` float32 of the (`first`) plain images; NotFiniteError when any is not a number."""
    network.eval()
    device = images.device
    parts = []
    for indices in torch.arange(len(images), device=device)[:first].split(BATCH):
        with autocast(device, precision):
            parts.append(network.features(images.plain(indices)).float())
    features = torch.cat(parts)
    if not torch.isfinite(features).all():
        raise NotFiniteError("the features became NaN or infinite; the learning rate may be too high")
    return features


def effective_rank(features: Tensor) -> float:
    """Exponential of the entropy of the covariance spectrum of `(n, d)`, in float64: 1 is total collapse.

    Source: Roy and Vetterli, "The effective rank" (EUSIPCO 2007), on the covariance's eigenvalues.
    """
    centred = features.double() - features.double().mean(dim=0)
    gram = centred.T @ centred if centred.shape[0] >= centred.shape[1] else centred @ centred.T
    spectrum = torch.linalg.eigvalsh(gram).clamp_min(0)
    if spectrum.sum() == 0:
        return 1.0
    share = spectrum / spectrum.sum()
    return float(torch.exp(-(share * share.clamp_min(1e-300).log()).sum()))
