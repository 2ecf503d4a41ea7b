"""Build the network: input channels with fixed Sobel filters, the trunk of an architecture, and the head.

In: the spec, and images `(b, c, s, s)`. Out: features `(b, d)` and logits `(b, k)`. The initial weights have the
published distribution and are drawn from the seed tree, so that no other choice changes them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcbench import registry
from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import RunSpec
from dcbench.errors import PluginError
from dcbench.training.seeds import torch_generator

SOBEL = (
    ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0)),
    ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0)),
)
"""The two gradient filters of the published implementation; they are never trained."""


class InputChannels(nn.Module):
    """Convert standardised images to 3 colour channels, 2 Sobel gradients or 1 grey channel.

    Grey is the mean of the standardised channels, as published; grey images become colour by repetition.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        if channels == 2:
            self.sobel = nn.Conv2d(1, 2, kernel_size=3, padding=1, bias=False)
            # Public versions wrote `require_grad`, which sets nothing: their filters were trained.
            self.sobel.weight = nn.Parameter(torch.tensor(SOBEL)[:, None], requires_grad=False)

    def forward(self, batch: Tensor) -> Tensor:
        """Return images `(b, 1 or 3, s, s)` as `(b, channels, s, s)`."""
        if self.channels == 3:
            return batch.expand(-1, 3, -1, -1)
        grey = batch.mean(dim=1, keepdim=True)
        return self.sobel(grey) if self.channels == 2 else grey


class Network(nn.Module):
    """Input channels, trunk and head. The features are the second FC layer's output before its ReLU."""

    def __init__(self, spec: RunSpec) -> None:
        super().__init__()
        self.input = InputChannels(spec.input_channels)
        self.trunk = registry.load("archs", spec.arch).build(spec)
        check_trunk(self.trunk, spec)
        self.head = nn.Linear(count_features(spec), spec.k)

    def features(self, batch: Tensor) -> Tensor:
        """Return the features `(b, d)` float32 of images `(b, c, s, s)`."""
        hidden = self.hidden(batch)
        # The last layer computes in float32 also under autocast. Features rounded to bfloat16 hide a collapse: the
        # rounding errors of a large common part are noise in many dimensions.
        with torch.autocast(batch.device.type, enabled=False):
            return self.trunk[-1](hidden.float())

    def hidden(self, batch: Tensor) -> Tensor:
        """Return the input `(b, h)` of the second FC layer for images `(b, c, s, s)`."""
        return self.trunk[:-1](self.input(batch))

    def forward(self, batch: Tensor) -> Tensor:
        """Return the logits `(b, k)` over the labels for images `(b, c, s, s)`."""
        return self.head(F.relu(self.features(batch)))


def check_trunk(trunk: nn.Module, spec: RunSpec) -> None:
    """Raise PluginError unless the trunk ends with the linear layer whose length its FACTS state.

    Without this, a wrong architecture would fail much later, with a message about shapes.
    """
    last = trunk[-1] if isinstance(trunk, nn.Sequential) and len(trunk) else trunk
    expected = count_features(spec)
    if not isinstance(trunk, nn.Sequential):
        problem = f"build returns a {type(trunk).__name__}, expected nn.Sequential"
    elif not isinstance(last, nn.Linear):
        problem = f"the last layer is {type(last).__name__}, expected Linear"
    elif last.out_features != expected:
        values = f"image_size {spec.image_size} and width {spec.width:g}"
        problem = f"{last.out_features} features at {values}, but its FACTS state {expected}"
    else:
        return
    file = registry.find("archs", spec.arch).path
    raise PluginError(f"arch {spec.arch!r}: {problem}; test the file with: dcbench check-plugin {file}")


class PixelFeatures(nn.Module):
    """Replace the network where the pixels themselves are the features."""

    def __init__(self, spec: RunSpec) -> None:
        super().__init__()
        self.input = InputChannels(spec.input_channels)

    def features(self, batch: Tensor) -> Tensor:
        """Return the pixels `(b, channels * s * s)` of the input channels of images `(b, c, s, s)`."""
        return self.input(batch).flatten(1)


def build_network(spec: RunSpec, device: torch.device) -> Network:
    """Return the untrained network on the device; a seed gives the same weights on every device."""
    network = Network(spec)
    # Draw on the CPU, then move. The head is not drawn here: every relabelling brings a new one.
    initialise(network.trunk, torch_generator(spec, "weights"))
    return network.to(device).to(memory_format=torch.channels_last)


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the published weights: convolutions N(0, sqrt(2 / (kh kw out))), linear layers N(0, 0.01), biases 0."""
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                height, width = layer.kernel_size
                layer.weight.normal_(0, math.sqrt(2 / (height * width * layer.out_channels)), generator=generator)
            elif isinstance(layer, nn.Linear):
                layer.weight.normal_(0, 0.01, generator=generator)
            if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
                layer.bias.zero_()
