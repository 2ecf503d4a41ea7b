import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dcbench import registry
from dcbench.core.spec import make_spec
from dcbench.errors import PluginError
from dcbench.training.deepcluster.features import effective_rank
from dcbench.training.deepcluster.network import SOBEL, InputChannels, build_network
from tests.helpers.own_plugins import ARCH, write_plugin

CPU = torch.device("cpu")


def test_grey_becomes_colour_by_repetition_and_colour_grey_by_the_mean():
    grey, colour = torch.randn(2, 1, 5, 5), torch.randn(2, 3, 5, 5)
    assert torch.equal(InputChannels(3)(grey), grey.repeat(1, 3, 1, 1))
    assert torch.equal(InputChannels(3)(colour), colour)
    assert torch.allclose(InputChannels(1)(colour), colour.mean(1, keepdim=True))
    assert torch.equal(InputChannels(1)(grey), grey)


def test_sobel_is_the_two_published_filters_with_zero_padding():
    colour = torch.randn(2, 3, 6, 6)
    out = InputChannels(2)(colour)
    grey = F.pad(colour.mean(1), (1, 1, 1, 1))
    for channel, kernel in enumerate(SOBEL):
        by_hand = sum(
            kernel[row][column] * grey[:, row : row + 6, column : column + 6] for row in range(3) for column in range(3)
        )
        assert torch.allclose(out[:, channel], by_hand, atol=1e-5)


def test_weights_are_initialised_as_published():
    trunk = build_network(make_spec({}), CPU).trunk
    convolutions = [layer for layer in trunk if isinstance(layer, nn.Conv2d)]
    fully_connected = [layer for layer in trunk if isinstance(layer, nn.Linear)]
    assert (len(convolutions), len(fully_connected)) == (5, 2)
    for layer in convolutions:
        expected = math.sqrt(2 / (9 * layer.out_channels))
        assert abs(layer.weight.std() / expected - 1) < 0.1 and not layer.bias.any()
    for layer in fully_connected:
        assert abs(layer.weight.std() / 0.01 - 1) < 0.02 and not layer.bias.any()


def test_weights_depend_on_the_seed_and_not_on_other_settings():
    base = build_network(make_spec({"width": 0.1}), CPU).trunk.state_dict()
    for values in ({"optimizer": "adam"}, {"top_optimizer": "adam"}, {"backend": "torch"}, {"k": 50}, {"lr": 0.3}):
        other = build_network(make_spec({"width": 0.1} | values), CPU).trunk.state_dict()
        assert all(torch.equal(base[name], other[name]) for name in base)
    different = build_network(make_spec({"width": 0.1, "seed": 1}), CPU).trunk.state_dict()
    assert not torch.equal(base["0.weight"], different["0.weight"])


def test_features_are_taken_before_the_relu_and_the_head_uses_them_after_it():
    network = build_network(make_spec({"width": 0.1}), CPU).eval()
    batch = torch.randn(4, 3, 32, 32)
    features = network.features(batch)
    assert (features < 0).any()
    assert torch.allclose(network(batch), network.head(F.relu(features)))


def test_convolutions_are_channels_last():
    network = build_network(make_spec({"width": 0.1}), CPU)
    assert network.trunk[4].weight.is_contiguous(memory_format=torch.channels_last)


def test_features_are_float32_under_autocast_so_that_a_collapse_shows_in_their_rank():
    """The features differ along one direction and share a large offset: rounded, they would have a higher rank."""
    network = build_network(make_spec({"width": 0.05}), torch.device("cpu")).eval()
    last = network.trunk[-1]
    with torch.no_grad():
        last.weight.copy_(torch.outer(torch.ones(1024), torch.rand(1024)) * 1e-4)
        last.bias.copy_(torch.linspace(-10, 10, 1024))
        batch = torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = network.features(batch)
            assert network.hidden(batch).dtype == torch.bfloat16
    assert features.dtype == torch.float32
    assert effective_rank(features) < 1.05 < 2 < effective_rank(features.bfloat16().float())


BUILD = ARCH + "inner = build\ndef build(spec):\n    return "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ARCH.replace("16,", "17,", 1), "16 features at image_size 32 and width 1, but its FACTS state 17"),
        (BUILD + "inner(spec).append(nn.ReLU())\n", "the last layer is ReLU, expected Linear"),
        (BUILD + "nn.ModuleList(inner(spec))\n", "build returns a ModuleList, expected nn.Sequential"),
        (BUILD + "nn.Sequential()\n", "the last layer is Sequential, expected Linear"),
    ],
)
def test_an_architecture_that_is_not_what_its_facts_state_is_named_before_it_runs(tmp_path, text, expected):
    file = write_plugin(tmp_path / "parts", text)
    registry.use_plugins([tmp_path / "parts"])
    message = f"arch 'own': {expected}; test the file with: dcbench check-plugin {file}"
    with pytest.raises(PluginError, match=f"^{re.escape(message)}$"):
        build_network(make_spec({"arch": "own", "pca_dim": 8}), CPU)


def test_an_architecture_of_ones_own_is_built_like_any_other(tmp_path):
    write_plugin(tmp_path / "parts")
    registry.use_plugins([tmp_path / "parts"])
    network = build_network(make_spec({"arch": "own", "pca_dim": 8}), CPU)
    assert network.head.in_features == 16 and network.features(torch.zeros(2, 1, 32, 32)).shape == (2, 16)
