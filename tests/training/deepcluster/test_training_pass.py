import numpy as np
import pytest
import torch

from dcbench.core.spec import make_spec
from dcbench.errors import NotFiniteError
from dcbench.training.deepcluster import images
from dcbench.training.deepcluster.learner import Learner, make_trunk_optimizer, replace_head
from dcbench.training.deepcluster.network import build_network
from dcbench.training.deepcluster.training_pass import (
    compute_label_weights,
    draw_positions,
    train_pass,
)

BASE = {"width": 0.05, "batch_size": 32, "k": 4}


def scene(**values):
    spec = make_spec(BASE | values)
    pixels = torch.randint(0, 256, (100, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    network = build_network(spec, torch.device("cpu"))
    learner = Learner(network=network, trunk_optimizer=make_trunk_optimizer(network.trunk, spec))
    learner.head_optimizer, learner.labels = replace_head(network, 4, spec, 0), LABELS
    return spec, learner, images.make_training_images(pixels, 32, torch.device("cpu"))


LABELS = np.arange(100) % 4


def moved(learner, before):
    return {
        name: not torch.equal(before[name], value)
        for name, value in learner.network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("top", ["sgd", "adam"])
def test_a_pass_moves_every_parameter_of_trunk_and_head(optimizer, top):
    spec, learner, pictures = scene(optimizer=optimizer, top_optimizer=top)
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    passed = train_pass(learner, pictures, spec, 1)
    assert all(moved(learner, before).values())
    assert 0 <= passed.accuracy <= 1 and passed.loss > 0 and passed.images_per_second > 0


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["uniform", "natural", "weighted"])
def test_a_network_can_learn_its_pseudo_labels(sampler):
    spec, learner, _ = scene(sampler=sampler, optimizer="adam", top_optimizer="adam", augment="none")
    pixels = torch.zeros(100, 1, 32, 32, dtype=torch.uint8)
    labels = np.minimum(np.arange(100) % 6, 3)
    for index, label in enumerate(labels):
        pixels[index, 0, 8 * label : 8 * label + 8] = 255
    pictures = images.make_training_images(pixels, 32, torch.device("cpu"))
    learner.labels = labels
    passes = [train_pass(learner, pictures, spec, epoch) for epoch in range(1, 16)]
    assert passes[-1].accuracy > 0.9 > passes[0].accuracy
    assert passes[-1].loss < passes[0].loss


def test_a_pass_is_reproducible_and_differs_between_epochs():
    results = []
    for epoch in (1, 1, 2):
        spec, learner, pictures = scene()
        train_pass(learner, pictures, spec, epoch)
        results.append(learner.network.head.weight.clone())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_a_loss_that_is_not_finite_is_an_error():
    spec, learner, pictures = scene(lr=1e30)
    with pytest.raises(NotFiniteError, match="epoch 1; the learning rate may be too high"):
        train_pass(learner, pictures, spec, 1)


def test_weighted_losses_and_uniform_sampling_have_the_same_mean_loss():
    labels = np.minimum(np.arange(100) % 10, 3)
    losses = {}
    for sampler in ("uniform", "weighted", "natural"):
        spec, learner, pictures = scene(sampler=sampler, lr=1e-12, top_lr=1e-12, augment="none", batch_size=100)
        torch.nn.init.zeros_(learner.network.head.weight)
        learner.network.head.bias.data = torch.tensor([3.0, 0, 0, 0])
        learner.labels = labels
        losses[sampler] = train_pass(learner, pictures, spec, 1).loss
    assert losses["weighted"] == pytest.approx(losses["uniform"], rel=1e-4)
    assert losses["natural"] > losses["weighted"] * 1.01 or losses["natural"] < losses["weighted"] * 0.99


ASSIGNMENT = np.repeat([0, 1, 2, 4], [560, 300, 130, 10])
RNG = lambda: np.random.default_rng(0)  # noqa: E731


def test_uniform_sampling_draws_equally_from_each_nonempty_cluster():
    drawn = draw_positions("uniform", ASSIGNMENT, RNG())
    assert np.bincount(ASSIGNMENT[drawn], minlength=5).tolist() == [250, 250, 250, 0, 250]
    assert len(drawn) == 1000 and not (np.diff(ASSIGNMENT[drawn]) >= 0).all(), "shuffled"


def test_large_clusters_are_drawn_without_and_small_ones_with_repetition():
    drawn = draw_positions("uniform", ASSIGNMENT, RNG())
    assert len(np.unique(drawn[ASSIGNMENT[drawn] == 0])) == 250
    assert len(np.unique(drawn[ASSIGNMENT[drawn] == 4])) == 10


def test_draws_per_cluster_differ_by_one_at_most():
    drawn = draw_positions("uniform", np.arange(103) % 7, RNG())
    sizes = np.bincount((np.arange(103) % 7)[drawn])
    assert sizes.sum() == 103 and sizes.max() - sizes.min() <= 1


def test_the_published_code_draws_nearly_the_shares_of_the_clusters():
    labels = np.random.default_rng(0).choice(4, 4000, p=[0.7, 0.1, 0.1, 0.1])
    drawn = draw_positions("published_code", labels, RNG())
    shares = np.bincount(labels[drawn], minlength=4) / len(drawn)
    # The published UnifLabelSampler returns positions of the original order; the dataset is ordered by cluster.
    ordered = np.concatenate([np.flatnonzero(labels == label) for label in range(4)])
    assert drawn.tolist() == ordered[draw_positions("uniform", labels, RNG())].tolist()
    assert shares == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=0.04), "where 0.25 each was meant"


@pytest.mark.parametrize("sampler", ["natural", "weighted"])
def test_other_samplers_draw_every_image_once(sampler):
    assert sorted(draw_positions(sampler, ASSIGNMENT, RNG())) == list(range(1000))


def test_weights_are_inverse_cluster_sizes_with_mean_one_over_the_images():
    weights = compute_label_weights("weighted", ASSIGNMENT)
    assert weights[3] == 0 and weights[4] / weights[0] == pytest.approx(56)
    assert weights[ASSIGNMENT].mean() == pytest.approx(1)
    assert compute_label_weights("uniform", ASSIGNMENT) is None
