"""Every architecture keeps the contract in both geometries and for 1, 2 and 3 channels."""

import pytest
import torch
from torch import nn

from dcbench import registry
from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import make_spec

ARCHS = registry.plugin_names("archs")


def test_there_are_architectures():
    assert ARCHS


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("size", "width"), [(32, 1.0), (32, 0.1), (64, 0.1), (224, 0.1)])
def test_features_have_the_size_that_the_facts_give(arch, channels, size, width):
    spec = make_spec({"arch": arch, "input_channels": channels, "image_size": size, "width": width})
    trunk = registry.load("archs", arch).build(spec).eval()
    with torch.no_grad():
        features = trunk(torch.randn(2, channels, size, size))
    assert features.shape == (2, count_features(spec))


@pytest.mark.parametrize("arch", ARCHS)
def test_the_smallest_image_works_and_a_smaller_one_does_not(arch):
    smallest = registry.facts("archs", arch)["smallest_image"]
    build = registry.load("archs", arch).build
    build(make_spec({"arch": arch, "image_size": smallest, "width": 0.1}))(torch.randn(2, 3, smallest, smallest))
    with pytest.raises((RuntimeError, ValueError)):
        build(make_spec({"arch": arch, "width": 0.1}))(torch.randn(2, 3, smallest // 2, smallest // 2))


@pytest.mark.parametrize("arch", ARCHS)
def test_the_second_fc_layer_is_last_and_has_no_relu(arch):
    layers = list(registry.load("archs", arch).build(make_spec({"arch": arch, "width": 0.1})).modules())
    assert isinstance(layers[-1], nn.Linear)
    assert sum(isinstance(layer, nn.Linear) for layer in layers) == 2


@pytest.mark.parametrize("arch", ARCHS)
def test_every_convolution_has_batch_norm_and_every_parameter_trains(arch):
    trunk = registry.load("archs", arch).build(make_spec({"arch": arch, "width": 0.1}))
    layers = list(trunk.children())
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            assert isinstance(layers[index + 1], nn.BatchNorm2d)
    assert all(parameter.requires_grad for parameter in trunk.parameters())
