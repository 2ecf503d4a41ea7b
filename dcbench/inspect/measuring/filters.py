"""Measure the filters of the first and the last trained convolution, and the images that each responds to most.

In: a network, and the forward passes of all images. Out: arrays of weights and responses. The response of a filter to
an image is the largest output, over all places, of the batch norm behind the convolution: what goes into the ReLU. The
fixed Sobel filters are not part of the trunk, and not measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dcbench.inspect.result import Array, IntArray
from dcbench.training.deepcluster.network import Network, PixelFeatures

FILTER_ARRAYS = (
    "filter_counts", "filters", "filters_before", "first_answers", "first_strengths", "first_ties", "first_boxes",
    "last_answers", "last_strengths", "last_ties",
)  # fmt: skip
"""Names of the arrays that `measure_filters` returns."""

FILTERS = 96
"""Most filters of the first convolution whose weights are kept; they are chosen by number."""

FIRST, LAST = 48, 24
"""Most filters of the first and of the last convolution whose images are kept."""

IMAGES = 8
"""Images kept of each filter."""

TIE = 1e-5
"""Responses count as equally strong if they differ by no more than this share of the strongest."""


@dataclass(kw_only=True)
class FilterResponses:
    """The responses of one convolution's first filters, collected batch by batch.

    Attributes:
        filter_count: How many of its filters are recorded.
        strengths: For each batch, the responses `(b, filters)`.
        places: For each batch, where in the flattened feature map they occurred `(b, filters)`.
    """

    conv: nn.Conv2d
    filter_count: int
    strengths: list[Tensor] = field(default_factory=list)
    places: list[Tensor] = field(default_factory=list)
    map_width: int = 0

    def record(self, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        """Record one batch; a forward hook."""
        strengths, places = output.detach()[:, : self.filter_count].float().flatten(2).max(dim=2)
        # Move them off the GPU at once, because the feature maps of all images would not fit there.
        self.strengths.append(strengths.cpu())
        self.places.append(places.cpu())
        self.map_width = output.shape[-1]


def find_convolutions(network: Network | PixelFeatures) -> list[tuple[nn.Conv2d, nn.Module]]:
    """Return the trunk's convolutions in order, each with the layer whose output is its response.

    That layer is the batch norm behind the convolution if there is one, else the convolution.
    """
    trunk = getattr(network, "trunk", nn.Identity())
    layers = [layer for layer in trunk.modules() if not list(layer.children())]
    return [
        (layer, following if isinstance(following, nn.BatchNorm2d) else layer)
        for layer, following in zip(layers, [*layers[1:], None], strict=True)
        if isinstance(layer, nn.Conv2d)
    ]


def read_first_filters(network: Network | PixelFeatures) -> Array | None:
    """Return the weights `(f, i, kh, kw)` of the first convolution, at most FILTERS of them; None without one."""
    convolutions = find_convolutions(network)
    if not convolutions:
        return None
    # A copy, because on the CPU the array would share its memory with the weights that are loaded next.
    filters: Array = convolutions[0][0].weight.detach()[:FILTERS].float().cpu().numpy().copy()
    return filters


@contextmanager
def record_responses(network: Network | PixelFeatures) -> Iterator[list[FilterResponses]]:
    """Record the responses of the first and, if it is another, the last convolution while the block runs."""
    convolutions = find_convolutions(network)
    recorded = [(pair, FIRST) for pair in convolutions[:1]] + [(pair, LAST) for pair in convolutions[1:][-1:]]
    responses = []
    # The stack removes the hooks however the block ends, else they would stay on the network.
    with ExitStack() as hooks:
        for (conv, layer), count in recorded:
            responses.append(FilterResponses(conv=conv, filter_count=count))
            hooks.callback(layer.register_forward_hook(responses[-1].record).remove)
        yield responses


def measure_filters(
    network: Network | PixelFeatures, untrained: Array | None, responses: list[FilterResponses], size: int
) -> dict[str, Array] | str:
    """Return the arrays of FILTER_ARRAYS, or why there are none.

    `untrained` are the first filters before training, and `size` is the side (px) of the network's input.
    """
    trained = read_first_filters(network)
    if isinstance(network, PixelFeatures):
        return "k-means saw the pixels themselves: there is no network"
    if trained is None or untrained is None:
        return "the architecture has no convolution"
    counts = np.array([convolution.conv.out_channels for convolution in responses])
    arrays = {"filter_counts": counts, "filters": trained, "filters_before": untrained}
    # Without a second convolution there is no `last`.
    for prefix, convolution in zip(("first", "last"), responses, strict=False):
        strengths = torch.cat(convolution.strengths).numpy()
        order = find_strongest(strengths)
        arrays[f"{prefix}_answers"] = order
        arrays[f"{prefix}_strengths"] = np.take_along_axis(strengths, order.T, axis=0).T
        arrays[f"{prefix}_ties"] = count_ties(strengths)
    first = responses[0]
    places = np.take_along_axis(torch.cat(first.places).numpy(), arrays["first_answers"].T, axis=0).T
    # The Sobel filters in front of the trunk see one pixel more on every side.
    margin = 1 if network.input.channels == 2 else 0
    arrays["first_boxes"] = find_receptive_fields(first, places, margin) / size
    return arrays


def find_strongest(strengths: Array) -> IntArray:
    """Return the positions `(f, IMAGES)` of the strongest responses of `(n, f)`; equal ones in their own order."""
    order: IntArray = np.argsort(-strengths, axis=0, kind="stable")[:IMAGES].T
    return order


def count_ties(strengths: Array) -> IntArray:
    """Return how many images each filter responds to as strongly as to the first, of responses `(n, f)`."""
    strongest = strengths.max(axis=0)
    ties: IntArray = (strengths >= strongest - TIE * np.maximum(np.abs(strongest), 1)).sum(axis=0)
    return ties


def find_receptive_fields(responses: FilterResponses, places: IntArray, margin: int) -> Array:
    """Return what the filters saw at these places: top, left, height, width (px) `(..., 4)` of the input.

    `margin` is what fixed filters in front of the convolution add on every side.
    """
    conv = responses.conv
    place = np.stack([places // responses.map_width, places % responses.map_width], axis=-1)
    stride, padding, kernel, dilation = (np.array(pair) for pair in (
        conv.stride, conv.padding, conv.kernel_size, conv.dilation,
    ))  # fmt: skip
    corner = place * stride - padding - margin
    side = dilation * (kernel - 1) + 1 + 2 * margin
    return np.concatenate([corner, np.broadcast_to(side, corner.shape)], axis=-1)
