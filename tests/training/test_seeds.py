import torch

from dcbench.training import seeds


def test_a_generator_depends_on_seed_purpose_and_place_only():
    first = seeds.numpy_generator(3, "kmeans", 1, 0).random(4)
    assert (first == seeds.numpy_generator(3, "kmeans", 1, 0).random(4)).all()
    others = [(4, "kmeans", 1, 0), (3, "sampler", 1, 0), (3, "kmeans", 2, 0), (3, "kmeans", 1, 1), (3, "kmeans", 10)]
    for seed, purpose, *place in others:
        assert (first != seeds.numpy_generator(seed, purpose, *place).random(4)).any()


def test_the_generated_numbers_never_change():
    assert seeds.numpy_generator(0, "kmeans", 0, 0).integers(1000, size=3).tolist() == [104, 518, 126]
    assert torch.randint(1000, (3,), generator=seeds.torch_generator(0, "weights")).tolist() == [283, 490, 118]


def test_torch_generators_are_on_the_cpu():
    assert seeds.torch_generator(1, "augment", 2).device.type == "cpu"
