"""The network: input channels with the fixed Sobel filters, the trunk of an architecture, the head.

Initial weights are the published ones, drawn from the seed tree so that no other choice moves them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcbench import registry
from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import RunSpec
from dcbench.training.seeds import torch_generator

SOBEL = (
    ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0)),
    ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0)),
)
"""The two gradient filters of the published implementation; never trained."""


class InputChannels(nn.Module):
    """Standardised images `(b, 1 or 3, s, s)` to 3 colours, 2 Sobel gradients or 1 grey.

    Grey is the mean of the standardised channels (published recipe); grey images become colour by repetition.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        if channels == 2:
            self.sobel = nn.Conv2d(1, 2, kernel_size=3, padding=1, bias=False)
            self.sobel.weight = nn.Parameter(torch.tensor(SOBEL)[:, None], requires_grad=False)

    def forward(self, batch: Tensor) -> Tensor:
        """Images `(b, 1 or 3, s, s)` -> `(b, channels, s, s)`."""
        if self.channels == 3:
            return batch.expand(-1, 3, -1, -1)
        grey = batch.mean(dim=1, keepdim=True)
        return self.sobel(grey) if self.channels == 2 else grey


class Network(nn.Module):
    """Input channels, trunk and head; `features` stops before the second FC layer's ReLU."""

    def __init__(self, spec: RunSpec) -> None:
        super().__init__()
        self.input = InputChannels(spec.input_channels)
        self.trunk = registry.load("archs", spec.arch).build(spec)
        self.head = nn.Linear(count_features(spec), spec.k)

    def features(self, batch: Tensor) -> Tensor:
        """Images `(b, c, s, s)` -> features `(b, d)` float32, the second FC layer before its ReLU.

        That layer is computed in float32 also under autocast: features rounded to bfloat16 hide a collapse, since the
        rounding of a large common part is noise of many dimensions.
        """
        hidden = self.hidden(batch)
        with torch.autocast(batch.device.type, enabled=False):
            return self.trunk[-1](hidden.float())

    def hidden(self, batch: Tensor) -> Tensor:
        """Images `(b, c, s, s)` -> what goes into the second FC layer `(b, h)`."""
        return self.trunk[:-1](self.input(batch))

    def forward(self, batch: Tensor) -> Tensor:
        """Images `(b, c, s, s)` -> logits `(b, k)` over the pseudo-labels."""
        return self.head(F.relu(self.features(batch)))


class Pixels(nn.Module):
    """What stands in for a network where the pixels themselves are the features."""

    def __init__(self, spec: RunSpec) -> None:
        super().__init__()
        self.input = InputChannels(spec.input_channels)

    def features(self, batch: Tensor) -> Tensor:
        """Images `(b, c, s, s)` -> their input channels' pixels `(b, channels * s * s)`."""
        return self.input(batch).flatten(1)


def build_network(spec: RunSpec, device: torch.device) -> Network:
    """The untrained network on the device; the same seed gives the same weights on every device."""
    network = Network(spec)
    initialise(network.trunk, torch_generator(spec.seed, "weights"))
    return network.to(device=device, memory_format=torch.channels_last)


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Published init: convolutions N(0, sqrt(2 / (kh kw out))), linear layers N(0, .01), biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            height, width = layer.kernel_size
            layer.weight.normal_(0, math.sqrt(2 / (height * width * layer.out_channels)), generator=generator)
        elif isinstance(layer, nn.Linear):
            layer.weight.normal_(0, 0.01, generator=generator)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            layer.bias.zero_()
