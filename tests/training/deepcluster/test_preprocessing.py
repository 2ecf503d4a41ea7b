import numpy as np
import torch

from dcbench.core.spec import make_spec
from dcbench.training.deepcluster.clock import StageClock
from dcbench.training.deepcluster.preprocessing import preprocess

SPEC = make_spec({"pca_dim": 4})
FEATURES = torch.from_numpy(np.random.default_rng(0).normal(size=(90, 6)).astype(np.float32) * [1, 2, 3, 4, 5, 6] + 2)
FEATURES = FEATURES.float()


def space(**values):
    return preprocess(FEATURES, make_spec({"pca_dim": 4} | values), StageClock(torch.device("cpu")))


def test_other_features_get_the_place_they_would_have_had():
    found = space()
    assert torch.allclose(found.place(FEATURES), found.points, atol=1e-5)
    assert torch.equal(found.place(FEATURES[:7]), found.place(FEATURES)[:7]), "an image's place needs no other image"


def test_without_the_whitening_all_else_is_done():
    assert torch.allclose(space().place(FEATURES, whitened=False), space(whiten=False).points, atol=1e-5)


def test_no_pca_no_whitening_no_unit_length_is_the_features_themselves():
    found = space(pca_dim=None, whiten=False, l2_normalize=False)
    assert found.points is FEATURES and found.fitted == found.outputs == {} and not found.unit


def test_each_stage_keeps_its_raw_output_and_what_did_it():
    found = space(whiten_backend="torch")
    assert {name: tuple(output.shape) for name, output in found.outputs.items()} == {"pca": (90, 4), "whiten": (90, 4)}
    assert [fitted.call.library for fitted in found.fitted.values()] == ["faiss", "torch"]
    assert torch.allclose(found.points.norm(dim=1), torch.ones(90))
