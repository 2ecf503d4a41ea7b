from torch import nn

from dcbench.core.spec import make_spec
from dcbench.training.archs import vgg16


def test_there_are_13_convolutions_of_3_by_3():
    layers = [layer for layer in vgg16.build(make_spec({"arch": "vgg16"})) if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [64, 64, 128, 128] + [256] * 3 + [512] * 6
    assert {layer.kernel_size for layer in layers} == {(3, 3)}


def test_sizes_of_the_fc_layers_in_both_geometries():
    def sizes(**values):
        built = vgg16.build(make_spec({"arch": "vgg16"} | values))
        return [(layer.in_features, layer.out_features) for layer in built if isinstance(layer, nn.Linear)]

    assert sizes() == [(512, 1024), (1024, 1024)]
    assert sizes(image_size=224, width=0.25) == [(128 * 49, 1024), (1024, 1024)]


def test_dropout_is_between_the_fc_layers_only():
    kinds = [type(layer).__name__ for layer in vgg16.build(make_spec({"arch": "vgg16", "width": 0.1}))][-5:]
    assert kinds == ["Flatten", "Linear", "ReLU", "Dropout", "Linear"]
