"""AlexNet with batch norm: the geometry that DeepCluster published for 224 px, and one of 3x3 convolutions."""

from __future__ import annotations

from torch import nn

from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import RunSpec
from dcbench.training.archs import make_convolution, scale_channels

FACTS = {"features_32": 1024, "features_224": 4096, "smallest_image": 8}

FILTERS = {32: (64, 192, 384, 256, 256), 224: (96, 256, 384, 384, 256)}
"""Filters of each convolution, by geometry."""
KERNELS = {32: ((3, 1, 1),) * 5, 224: ((11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))}
"""Kernel, stride and padding of each convolution."""
POOLS = {32: (2, 2), 224: (3, 2)}
"""Side and stride of the max pooling after the first, second and fifth convolution."""


def build(spec: RunSpec) -> nn.Sequential:
    """Build the trunk: five convolutions, Dropout - FC - ReLU - Dropout - FC."""
    layers: list[nn.Module] = []
    map_side, channels = spec.image_size, spec.input_channels
    shapes = zip(FILTERS[spec.geometry], KERNELS[spec.geometry], strict=True)
    for number, (filters, (kernel, stride, padding)) in enumerate(shapes, start=1):
        layers += make_convolution(channels, scale_channels(filters, spec.width), kernel, stride, padding)
        channels = scale_channels(filters, spec.width)
        # The size of the first FC layer follows from the side of the last feature map.
        map_side = (map_side + 2 * padding - kernel) // stride + 1
        if number in (1, 2, 5):
            pool, stride = POOLS[spec.geometry]
            layers.append(nn.MaxPool2d(pool, stride))
            map_side = (map_side - pool) // stride + 1
    features = count_features(spec)
    top = [nn.Dropout(0.5), nn.Linear(channels * map_side**2, features), nn.ReLU(inplace=True)]
    # No ReLU at the end: the features are the output of the last FC layer itself.
    return nn.Sequential(*layers, nn.Flatten(), *top, nn.Dropout(0.5), nn.Linear(features, features))
