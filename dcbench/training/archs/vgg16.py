"""VGG16 with batch norm; the same 13 convolutions for 224 px and 32 px images."""

from __future__ import annotations

from torch import nn

from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import RunSpec
from dcbench.training.archs import make_convolution, scale_channels

FACTS = {"features_32": 1024, "features_224": 4096, "smallest_image": 32}

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Filters of the 3x3 convolutions; each block ends in 2x2 pooling."""


def build(spec: RunSpec) -> nn.Module:
    """The trunk: convolutions, FC - ReLU - Dropout - FC."""
    layers: list[nn.Module] = []
    channels = spec.input_channels
    for block in BLOCKS:
        for filters in block:
            layers += make_convolution(channels, scale_channels(filters, spec.width), kernel=3, padding=1)
            channels = scale_channels(filters, spec.width)
        layers.append(nn.MaxPool2d(2))
    side, features = spec.image_size // 2 ** len(BLOCKS), count_features(spec)
    head = [nn.Linear(channels * side**2, features), nn.ReLU(inplace=True), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Flatten(), *head, nn.Linear(features, features))
