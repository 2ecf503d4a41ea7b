"""Images as people know them, small enough for a page: the data set's own pixels, nothing standardised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

from dcbench.inspect.result import Array
from dcbench.training.datasets import Pixels, Split

SIDE = 64
"""Largest side (px); larger images are scaled down."""


def of_positions(split: Split, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The images `(u, c, h, h)` that these arrays name, each once, with their positions `(u,)`."""
    named = [arrays[name].ravel() for name in ("nearest", "first_answers", "last_answers") if name in arrays]
    shown = np.unique(np.concatenate(named))
    shown = shown[shown >= 0]
    return {"shown": shown, "images": small(split.pixels[shown])}


def small(pixels: Pixels) -> Pixels:
    """Images `(n, c, s, s)` scaled down to at most SIDE."""
    if pixels.shape[-1] <= SIDE:
        return pixels
    scaled = F.interpolate(torch.from_numpy(pixels).float(), size=(SIDE, SIDE), mode="bilinear", antialias=True)
    return scaled.round().clamp(0, 255).to(torch.uint8).numpy()
