import pytest
import torch
from torch import nn

from dcbench.core.spec import make_spec
from dcbench.errors import NotFiniteError
from dcbench.training.deepcluster import features, images
from dcbench.training.deepcluster.network import build_network


@pytest.fixture
def scene():
    pixels = torch.randint(0, 256, (300, 1, 32, 32), dtype=torch.uint8)
    return build_network(make_spec({"width": 0.05}), torch.device("cpu")), images.make_training_images(
        pixels, 32, torch.device("cpu")
    )


def test_features_are_extracted_in_eval_mode_in_the_order_of_the_images(scene):
    network, pictures = scene
    network.train()
    running = network.trunk[1].running_mean.clone()
    extracted = features.extract_features(network, pictures, "float32")
    assert extracted.shape == (300, 1024) and extracted.dtype == torch.float32
    assert torch.equal(running, network.trunk[1].running_mean), "batch norm must not learn from clustering"
    indices = torch.tensor([299, 3])
    with torch.no_grad():
        assert torch.allclose(network.features(pictures.plain(indices)), extracted[indices], atol=1e-5)


def test_features_that_are_not_finite_are_an_error(scene):
    network, pictures = scene
    nn.init.constant_(network.trunk[0].weight, float("nan"))
    with pytest.raises(NotFiniteError) as caught:
        features.extract_features(network, pictures, "float32")
    assert caught.value.kind == "nan"


def test_bfloat16_features_are_close_but_not_equal(scene):
    network, pictures = scene
    full, half = (features.extract_features(network, pictures, precision) for precision in ("float32", "bfloat16"))
    assert half.dtype == torch.float32 and not torch.equal(full, half)
    assert torch.nn.functional.cosine_similarity(full, half).min() > 0.99


@pytest.mark.parametrize("shape", [(500, 8), (6, 40)])
def test_the_effective_rank_of_equally_strong_directions_is_their_number(shape):
    n, d = shape
    data = torch.linalg.qr(torch.randn(n, min(n, d)).double() - 0)[0] @ torch.eye(min(n, d), d).double()
    rank = features.effective_rank(data - data.mean(0))
    assert min(n, d) - 1.5 < rank <= min(n, d)


def test_the_effective_rank_of_collapsed_features_is_1():
    collinear = torch.linspace(0, 1, 100)[:, None] * torch.randn(1, 20)
    assert features.effective_rank(collinear) == pytest.approx(1, abs=1e-3)
    assert features.effective_rank(torch.ones(10, 5)) == 1.0
