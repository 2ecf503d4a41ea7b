"""Define an architecture: the trunk of the network, which turns images into features.

In: a RunSpec. Out: an untrained trunk. Input channels and head are not part of it: dcbench adds them around the trunk.

An architecture is one file, `NAME.py`, with two things:

    build(spec: RunSpec) -> nn.Sequential
        Build the trunk: images `(b, spec.input_channels, spec.image_size, spec.image_size)` float32 to features
        `(b, d)`, where d is `count_features(spec)`. Its last layer is an `nn.Linear` of d outputs, without a ReLU: the
        features are its output, and dcbench computes it in float32 even under autocast. `spec.width` scales the
        convolutions. Convolutions and linear layers get their initial weights from the seed tree afterwards; a layer
        of another kind must not draw random ones. Every parameter is trained.

    FACTS = {"features_32": 1024, "features_224": 4096, "smallest_image": 8}
        One literal, which is read without importing the file.
        features_32     d if image_size is below 128, at any width
        features_224    d of larger images (the published geometry) at a width of 1; it grows with the width
        smallest_image  smallest image_size (px) that the layers can process

`count_features` is in `dcbench.core.matrix.validate`; it reads these facts.
"""

from __future__ import annotations

from torch import nn


def scale_channels(channels: int, width: float) -> int:
    """Return the number of channels times the width, at least 1."""
    return max(1, round(channels * width))


def make_convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    """Return a convolution, its batch norm and a ReLU."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
