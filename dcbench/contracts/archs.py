"""What every architecture must do: `build(spec)` gives the trunk that FACTS describes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from dcbench import registry
from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import make_spec


def build(arch: str, **values: object) -> nn.Module:
    """Return the trunk of a spec with this architecture, a tenth of its width unless the values say otherwise."""
    trunk: nn.Module = registry.load("archs", arch).build(make_spec({"arch": arch, "width": 0.1} | values))
    return trunk


def check_features(arch: str, folder: Path) -> None:
    """Features have the size that FACTS states, in both geometries and for 1, 2 and 3 channels."""
    for channels in (1, 2, 3):
        for size, width in ((32, 1.0), (32, 0.1), (64, 0.1), (224, 0.1)):
            values = {"input_channels": channels, "image_size": size, "width": width}
            with torch.no_grad():
                features = build(arch, **values).eval()(torch.randn(2, channels, size, size))
            expected = (2, count_features(make_spec({"arch": arch, **values})))
            assert tuple(features.shape) == expected, f"{values}: features {tuple(features.shape)}, expected {expected}"


def check_smallest_image(arch: str, folder: Path) -> None:
    """The smallest image that FACTS names works."""
    side = registry.facts("archs", arch)["smallest_image"]
    build(arch, image_size=side)(torch.randn(2, 3, side, side))


def check_last_layer(arch: str, folder: Path) -> None:
    """The trunk is a Sequential whose last layer is linear and has no ReLU behind it: its output are the features."""
    trunk = build(arch)
    assert isinstance(trunk, nn.Sequential), f"build returns a {type(trunk).__name__}, expected nn.Sequential"
    # The last layer runs in float32 also under autocast, so it must be found by its place.
    assert isinstance(trunk[-1], nn.Linear), f"the last layer is {type(trunk[-1]).__name__}, expected Linear"


def check_parameters(arch: str, folder: Path) -> None:
    """Every parameter trains."""
    frozen = [name for name, parameter in build(arch).named_parameters() if not parameter.requires_grad]
    assert not frozen, f"parameters without a gradient: {', '.join(frozen)}"


def check_seed(arch: str, folder: Path) -> None:
    """The same input gives the same features twice in eval mode."""
    trunk, batch = build(arch).eval(), torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(trunk(batch), trunk(batch)), "two passes over one batch differ"
