"""VGG16 with batch norm; the same 13 convolutions for 224 px and for 32 px images."""

from __future__ import annotations

from torch import nn

from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import RunSpec
from dcbench.training.archs import make_convolution, scale_channels

FACTS = {"features_32": 1024, "features_224": 4096, "smallest_image": 32}

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Filters of the 3x3 convolutions; a 2x2 max pooling ends each block."""


def build(spec: RunSpec) -> nn.Sequential:
    """Build the trunk: 13 convolutions, FC - ReLU - Dropout - FC."""
    layers: list[nn.Module] = []
    channels = spec.input_channels
    for block in BLOCKS:
        for filters in block:
            layers += make_convolution(channels, scale_channels(filters, spec.width), kernel=3, padding=1)
            channels = scale_channels(filters, spec.width)
        layers.append(nn.MaxPool2d(2))
    # Padding keeps the side in a convolution, and each block's pooling halves it.
    map_side, features = spec.image_size // 2 ** len(BLOCKS), count_features(spec)
    top = [nn.Linear(channels * map_side**2, features), nn.ReLU(inplace=True), nn.Dropout(0.5)]
    # No ReLU at the end: the features are the output of the last FC layer itself.
    return nn.Sequential(*layers, nn.Flatten(), *top, nn.Linear(features, features))
