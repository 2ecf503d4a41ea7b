"""The filters of the first and the last trained convolution, and the images that each answers to most.

An image's answer to a filter is the largest output, over all places, of the batch norm behind the convolution: what
goes into the ReLU. The fixed Sobel filters stand before the trunk and are none of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dcbench.inspect.result import Array, Ints
from dcbench.training.deepcluster.network import Network, Pixels

ARRAYS = (
    "filter_counts", "filters", "filters_before", "first_answers", "first_strengths", "first_ties", "first_boxes",
    "last_answers", "last_strengths", "last_ties",
)  # fmt: skip
"""What `gather` gives."""

FILTERS, FIRST, LAST = 96, 48, 24
"""Filters shown, and those of the first and of the last convolution whose images are: the lowest in number."""

IMAGES = 8
"""Images shown of each filter."""

NO_FILTERS = "the architecture has no convolution"

TIE = 1e-5
"""Answers this near to the largest, as a share of it, are as large."""


@dataclass
class Heard:
    """What one convolution answered: of each batch the strengths and places `(b, filters)`, and its map's width."""

    conv: nn.Conv2d
    filters: int
    strengths: list[Tensor] = field(default_factory=list)
    places: list[Tensor] = field(default_factory=list)
    width: int = 0

    def hear(self, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        """A forward hook."""
        strengths, places = output.detach()[:, : self.filters].float().flatten(2).max(dim=2)
        self.strengths.append(strengths.cpu())
        self.places.append(places.cpu())
        self.width = output.shape[-1]


def convolutions(network: Network | Pixels) -> list[tuple[nn.Conv2d, nn.Module]]:
    """The trunk's convolutions in order, each with the layer that gives its answer: its batch norm, if it has one."""
    trunk = getattr(network, "trunk", nn.Identity())
    layers = [layer for layer in trunk.modules() if not list(layer.children())]
    return [
        (layer, after if isinstance(after, nn.BatchNorm2d) else layer)
        for layer, after in zip(layers, [*layers[1:], None], strict=True)
        if isinstance(layer, nn.Conv2d)
    ]


def first_weights(network: Network | Pixels) -> Array | None:
    """Weights `(f, i, kh, kw)` of the first convolution, at most FILTERS of them."""
    found = convolutions(network)
    return found[0][0].weight.detach()[:FILTERS].float().cpu().numpy().copy() if found else None


@contextmanager
def listening(network: Network | Pixels) -> Iterator[list[Heard]]:
    """While the block runs, the answers of the first and, where it is another, the last convolution are kept."""
    found = convolutions(network)
    ends = {0: FIRST} | ({len(found) - 1: LAST} if len(found) > 1 else {})
    heard = []
    with ExitStack() as hooks:
        for number, count in ends.items() if found else ():
            conv, layer = found[number]
            heard.append(Heard(conv, count))
            hooks.callback(layer.register_forward_hook(heard[-1].hear).remove)
        yield heard


def gather(network: Network | Pixels, before: Array | None, heard: list[Heard], size: int) -> dict[str, Array] | str:
    """Weights and answers, or why there are none; `size` is the side (px) of the network's input."""
    if before is None:
        return "k-means saw the pixels themselves: there is no network" if isinstance(network, Pixels) else NO_FILTERS
    counts = np.array([one.conv.out_channels for one in heard])
    arrays = {"filter_counts": counts, "filters": first_weights(network), "filters_before": before}
    for prefix, one in zip(("first", "last"), heard, strict=False):
        strengths = torch.cat(one.strengths).numpy()
        order = strongest(strengths)
        arrays[f"{prefix}_answers"] = order
        arrays[f"{prefix}_strengths"] = np.take_along_axis(strengths, order.T, axis=0).T
        arrays[f"{prefix}_ties"] = ties(strengths)
    places = np.take_along_axis(torch.cat(heard[0].places).numpy(), arrays["first_answers"].T, axis=0).T
    reach = 1 if network.input.channels == 2 else 0  # the Sobel filters before it see one pixel more on every side
    arrays["first_boxes"] = boxes(heard[0], places, reach) / size
    return arrays


def strongest(strengths: Array) -> Ints:
    """Positions `(f, IMAGES)` of the images that answer most, of strengths `(n, f)`; the first of equal ones first."""
    return np.argsort(-strengths, axis=0, kind="stable")[:IMAGES].T


def ties(strengths: Array) -> Ints:
    """How many images answer to each filter as much as the one that answers most."""
    most = strengths.max(axis=0)
    return (strengths >= most - TIE * np.maximum(np.abs(most), 1)).sum(axis=0)


def boxes(heard: Heard, places: Ints, reach: int) -> Array:
    """What the filter saw at these places of its map: top, left, height, width (px) `(..., 4)` of the input."""
    conv = heard.conv
    at = np.stack([places // heard.width, places % heard.width], axis=-1)
    stride, padding, kernel, dilation = (np.array(pair) for pair in (
        conv.stride, conv.padding, conv.kernel_size, conv.dilation,
    ))  # fmt: skip
    start = at * stride - padding - reach
    side = dilation * (kernel - 1) + 1 + 2 * reach
    return np.concatenate([start, np.broadcast_to(side, start.shape)], axis=-1)
