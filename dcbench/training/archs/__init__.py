"""Architectures: the trunk up to its second FC layer. What they share lives here.

A part is `build(spec) -> nn.Sequential`, images `(b, input_channels, s, s)` -> features `(b, d)` before the second FC
layer's ReLU, that layer its last; and FACTS: features in the 32 px and the 224 px geometry at width 1, and the
smallest image (px).
"""

from __future__ import annotations

from torch import nn


def scaled(channels: int, width: float) -> int:
    """Channels times width, at least one."""
    return max(1, round(channels * width))


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    """Convolution, batch norm, ReLU."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
