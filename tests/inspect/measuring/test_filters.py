"""Filters and responses agree with the weights, and with convolutions that the tests compute themselves."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dcbench.core.spec import make_spec
from dcbench.inspect.measuring import filters
from dcbench.training.archs import vgg16
from dcbench.training.datasets import load_training
from dcbench.training.deepcluster import images
from dcbench.training.deepcluster.network import SOBEL, InputChannels, Network, PixelFeatures, build_network
from tests.helpers.inspected_runs import make_run, measure_on_cpu


@pytest.fixture(scope="module", params=[1, 2, 3])
def run(request, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), input_channels=request.param, epochs=1)


@pytest.fixture(scope="module")
def result(run):
    return measure_on_cpu(run)


@pytest.fixture(scope="module")
def weights(run):
    """Read the state of the trunk from the checkpoint."""
    network_state = torch.load(run.checkpoint_file, weights_only=True)["learner"]["network"]
    return {name.removeprefix("trunk."): value for name, value in network_state.items() if name.startswith("trunk.")}


@pytest.fixture(scope="module")
def inputs(run):
    """Return the inputs of the first trained layer for all training images `(n, channels, 32, 32)`."""
    pixels = torch.from_numpy(load_training(run.read_spec(), run.path).pixels)
    plain_images = images.make_training_images(pixels, 32, torch.device("cpu")).plain(torch.arange(len(pixels)))
    return InputChannels(run.read_spec().input_channels)(plain_images).detach()


def convolve_and_normalise(inputs, weights, first):
    """Apply the convolution with the index `first` and the batch norm after it."""
    maps = F.conv2d(inputs, weights[f"{first}.weight"], weights[f"{first}.bias"], padding=1)
    norm = [weights[f"{first + 1}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(maps, *norm)


def test_the_filters_are_the_weights_after_and_before_training(run, result, weights):
    assert (result["filters"] == weights["0.weight"].numpy()).all()
    untrained = build_network(run.read_spec(), torch.device("cpu")).trunk[0].weight.detach().numpy()
    assert (result["filters_before"] == untrained).all() and not (untrained == result["filters"]).all()
    assert result["filters"].shape == (3, run.read_spec().input_channels, 3, 3) and result[
        "filter_counts"
    ].tolist() == [
        3,
        13,
    ]


def test_the_images_shown_have_the_strongest_responses(result, weights, inputs):
    strengths = convolve_and_normalise(inputs, weights, 0).flatten(2).amax(dim=2).numpy()
    assert result["first_answers"].shape == (3, filters.IMAGES)
    for number in range(3):
        most = np.sort(strengths[:, number])[::-1][: filters.IMAGES]
        np.testing.assert_allclose(result["first_strengths"][number], most, atol=1e-5)
        np.testing.assert_allclose(strengths[result["first_answers"][number], number], most, atol=1e-5)
        assert strengths[:, number].argmax() == result["first_answers"][number, 0] or result["first_ties"][number] > 1


def test_the_frame_is_the_receptive_field_of_the_filter(run, result, weights, inputs):
    """The patch in the frame, without the margin of the Sobel filter, times the weights gives the response."""
    margin = 1 if run.read_spec().input_channels == 2 else 0
    padded = F.pad(inputs, (1, 1, 1, 1))
    for number in range(3):
        for image, box, strength in zip(
            *(result[f"first_{name}"][number] for name in ("answers", "boxes", "strengths")), strict=True
        ):
            top, left, height, width = np.rint(box * 32).astype(int) + np.array([margin, margin, 0, 0])
            assert height == width == 3 + 2 * margin
            patch = padded[image, :, top + 1 : top + 4, left + 1 : left + 4]
            raw = (patch * weights["0.weight"][number]).sum() + weights["0.bias"][number]
            norm = [weights[f"1.{name}"][number] for name in ("running_mean", "running_var", "weight", "bias")]
            answer = (raw - norm[0]) / torch.sqrt(norm[1] + 1e-5) * norm[2] + norm[3]
            assert float(answer) == pytest.approx(float(strength), abs=1e-4)


def test_responses_of_the_last_convolution_are_measured_through_the_trunk(run, result):
    network = build_network(run.read_spec(), torch.device("cpu"))
    network_state = torch.load(run.checkpoint_file, weights_only=True)["learner"]["network"]
    network.trunk.load_state_dict(
        {n.removeprefix("trunk."): v for n, v in network_state.items() if n.startswith("trunk.")}
    )
    network.eval()
    pixels = torch.from_numpy(load_training(run.read_spec(), run.path).pixels)
    plain = images.make_training_images(pixels, 32, torch.device("cpu")).plain(torch.arange(len(pixels)))
    last = max(index for index, layer in enumerate(network.trunk) if isinstance(layer, nn.Conv2d))
    with torch.no_grad():
        strengths = network.trunk[: last + 2](network.input(plain)).flatten(2).amax(dim=2).numpy()
    order = np.argsort(-strengths, axis=0)[: filters.IMAGES].T
    np.testing.assert_allclose(result["last_strengths"], np.take_along_axis(strengths, order.T, axis=0).T, atol=1e-5)
    assert result["last_answers"].shape == (13, filters.IMAGES)


def test_sobel_filters_are_not_among_the_convolutions():
    network = Network(make_spec({"input_channels": 2, "width": 0.05}))
    assert (network.input.sobel.weight[:, 0] == torch.tensor(SOBEL)).all()
    convolutions = [conv for conv, _ in filters.find_convolutions(network)]
    assert len(convolutions) == 5 and network.input.sobel not in convolutions
    assert filters.read_first_filters(network).shape == (3, 2, 3, 3)


def test_of_a_wide_network_only_the_first_filters_are_kept():
    spec = make_spec({"arch": "vgg16", "width": 2.0})
    network = nn.Module()
    network.trunk = vgg16.build(spec)[:3]
    network.input = InputChannels(3)
    assert len(filters.read_first_filters(network)) == filters.FILTERS < network.trunk[0].out_channels
    with filters.record_responses(network) as responses:
        network.trunk(torch.rand(9, 3, 32, 32))
    gathered = filters.measure_filters(network, filters.read_first_filters(network), responses, 32)
    assert gathered["filter_counts"].tolist() == [128] and len(gathered["first_answers"]) == filters.FIRST
    assert "last_answers" not in gathered, "there is only one convolution"


def test_recording_ends_with_the_context():
    network = Network(make_spec({"width": 0.05}))
    with pytest.raises(RuntimeError), filters.record_responses(network) as responses:
        raise RuntimeError
    network.eval()
    network.features(torch.zeros(2, 3, 32, 32))
    assert responses[0].strengths == []


def test_without_a_network_or_a_convolution_the_reason_is_given():
    pixels = PixelFeatures(make_spec({"method": "pixels", "epochs": 0}))
    flat = nn.Module()
    flat.trunk = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    for network, reason in ((pixels, "there is no network"), (flat, "no convolution")):
        with filters.record_responses(network) as responses:
            assert responses == [] and filters.read_first_filters(network) is None
        assert reason in filters.measure_filters(network, None, responses, 32)


def test_without_batch_norm_the_response_is_that_of_the_convolution():
    bare = nn.Module()
    bare.trunk = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True))
    with filters.record_responses(bare) as responses:
        out = bare.trunk[0](torch.ones(4, 1, 8, 8))
    assert torch.equal(responses[0].strengths[0], out.flatten(2).amax(dim=2))


def test_ties_are_counted_and_ordered_by_index():
    strengths = np.array([[1.0, 5.0], [3.0, 5.0], [3.0, 5.0], [2.0, 5.0]] + [[0.0, -1.0]] * 8)
    assert filters.find_strongest(strengths)[:, :4].tolist() == [[1, 2, 3, 0], [0, 1, 2, 3]]
    assert filters.count_ties(strengths).tolist() == [2, 4]


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), [(11, 4, 2, 1), (3, 1, 1, 1), (3, 2, 0, 2)])
def test_receptive_fields_of_any_geometry(kernel, stride, padding, dilation):
    """A single bright pixel is inside the boxes of the positions that respond to it, and outside all others."""
    conv = nn.Conv2d(1, 1, kernel, stride=stride, padding=padding, dilation=dilation, bias=False)
    nn.init.ones_(conv.weight)
    image = torch.zeros(1, 1, 40, 40)
    image[0, 0, 17, 23] = 1.0
    answer = conv(image).detach()[0, 0]
    responses = filters.FilterResponses(conv=conv, filter_count=1, map_width=answer.shape[-1])
    boxes = filters.find_receptive_fields(responses, np.arange(answer.numel()), margin=0)
    for (top, left, height, width), value in zip(boxes, answer.flatten(), strict=True):
        inside = top <= 17 < top + height and left <= 23 < left + width
        on_grid = (17 - top) % dilation == 0 and (23 - left) % dilation == 0
        assert bool(value) == (inside and on_grid)
