from typing import get_args

import pytest
import torch

from dcbench.core.spec import make_spec
from dcbench.training import seeds

IMAGES = {"limit", "split", "test"}


def test_a_generator_depends_on_seed_purpose_and_place_only():
    first = seeds.numpy_generator(3, "kmeans", 1, 0).random(4)
    assert (first == seeds.numpy_generator(3, "kmeans", 1, 0).random(4)).all()
    others = [(4, "kmeans", 1, 0), (3, "sampler", 1, 0), (3, "kmeans", 2, 0), (3, "kmeans", 1, 1), (3, "kmeans", 10)]
    for seed, purpose, *place in others:
        assert (first != seeds.numpy_generator(seed, purpose, *place).random(4)).any()


def test_the_generated_numbers_never_change():
    assert seeds.numpy_generator(0, "kmeans", 0, 0).integers(1000, size=3).tolist() == [104, 518, 126]
    assert torch.randint(1000, (3,), generator=seeds.torch_generator(0, "weights")).tolist() == [283, 490, 118]


@pytest.mark.parametrize("purpose", get_args(seeds.Purpose))
def test_a_repeat_draws_everything_anew_but_the_images(purpose):
    specs = [make_spec({"seed": 3, "repeat": repeat}) for repeat in range(3)]
    first, second, third = (seeds.numpy_generator(spec, purpose, 1).random(4).tolist() for spec in specs)
    assert first == seeds.numpy_generator(3, purpose, 1).random(4).tolist(), "repeat 0 draws as without repeats"
    assert len({*map(tuple, (first, second, third))}) == (1 if purpose in IMAGES else 3)
    tensors = [torch.rand(4, generator=seeds.torch_generator(spec, purpose, 1)) for spec in specs[:2]]
    assert torch.equal(*tensors) == (purpose in IMAGES)


def test_a_generator_depends_on_no_field_of_the_spec_but_seed_and_repeat():
    specs = [make_spec({"repeat": 1}), make_spec({"repeat": 1, "k": 9, "backend": "sklearn", "optimizer": "adam"})]
    first, second = (seeds.numpy_generator(spec, "kmeans", 0, 0).random(4) for spec in specs)
    assert (first == second).all()


def test_the_numbers_of_a_repeat_never_change():
    spec = make_spec({"repeat": 1})
    assert seeds.numpy_generator(spec, "kmeans", 0, 0).integers(1000, size=3).tolist() == [654, 243, 926]
    assert torch.randint(1000, (3,), generator=seeds.torch_generator(spec, "weights")).tolist() == [489, 647, 989]


def test_torch_generators_are_on_the_cpu():
    assert seeds.torch_generator(1, "augment", 2).device.type == "cpu"
