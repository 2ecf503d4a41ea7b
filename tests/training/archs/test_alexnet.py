from torch import nn

from dcbench.core.spec import make_spec
from dcbench.training.archs import alexnet


def shapes(spec):
    return [tuple(layer.weight.shape) for layer in alexnet.build(spec) if isinstance(layer, nn.Conv2d | nn.Linear)]


def test_layer_shapes_of_the_32_px_geometry():
    assert shapes(make_spec({})) == [
        (64, 3, 3, 3), (192, 64, 3, 3), (384, 192, 3, 3), (256, 384, 3, 3), (256, 256, 3, 3), (1024, 4096),
        (1024, 1024),
    ]  # fmt: skip


def test_layer_shapes_of_the_published_geometry():
    assert shapes(make_spec({"image_size": 224, "input_channels": 2})) == [
        (96, 2, 11, 11), (256, 96, 5, 5), (384, 256, 3, 3), (384, 384, 3, 3), (256, 384, 3, 3), (4096, 9216),
        (4096, 4096),
    ]  # fmt: skip


def test_width_scales_the_convolutions_and_in_the_published_geometry_the_fc_layers_too():
    assert shapes(make_spec({"width": 0.25}))[-3:] == [(64, 64, 3, 3), (1024, 1024), (1024, 1024)]
    assert shapes(make_spec({"width": 0.25, "image_size": 224}))[-2:] == [(1024, 2304), (1024, 1024)]


def test_dropout_precedes_both_fc_layers():
    kinds = [type(layer).__name__ for layer in alexnet.build(make_spec({"width": 0.1}))][-6:]
    assert kinds == ["Flatten", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
