import torch
from torch import nn

from dcbench.core.spec import make_spec
from dcbench.training.deepcluster.learner import make_head_optimizer, make_trunk_optimizer, replace_head
from dcbench.training.deepcluster.network import build_network

SPEC = make_spec({"width": 0.1, "k": 7, "top_optimizer": "adam"})


def test_each_clustering_gets_a_new_head_and_an_optimizer_of_that_head_only():
    network = build_network(SPEC, torch.device("cpu"))
    first_optimizer, first_head = replace_head(network, 7, SPEC, 0), network.head
    optimizer = replace_head(network, 7, SPEC, 1)
    assert network.head is not first_head and optimizer is not first_optimizer
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert [id(parameter) for parameter in trained] == [id(parameter) for parameter in network.head.parameters()]
    assert not torch.equal(network.head.weight, first_head.weight)
    assert network.head.out_features == 7 and not network.head.bias.any()
    assert abs(network.head.weight.std() / 0.01 - 1) < 0.05


def test_a_head_depends_on_seed_and_epoch_only():
    heads = []
    for optimizer in ("sgd", "adam"):
        spec = make_spec({"width": 0.1, "top_optimizer": optimizer, "optimizer": optimizer})
        network = build_network(spec, torch.device("cpu"))
        replace_head(network, 10, spec, 3)
        heads.append(network.head.weight)
    assert torch.equal(*heads)


def test_the_trunk_optimizer_uses_the_settings_of_the_trunk():
    trunk = nn.Linear(2, 2)
    sgd = make_trunk_optimizer(trunk, make_spec({"lr": 0.2, "momentum": 0.5, "weight_decay": 0.1, "top_lr": 9.0}))
    assert isinstance(sgd, torch.optim.SGD)
    assert {key: sgd.defaults[key] for key in ("lr", "momentum", "weight_decay")} == {
        "lr": 0.2, "momentum": 0.5, "weight_decay": 0.1,
    }  # fmt: skip
    adam = make_trunk_optimizer(
        trunk, make_spec({"optimizer": "adam", "beta1": 0.8, "beta2": 0.7, "weight_decay": 0.1})
    )
    assert isinstance(adam, torch.optim.Adam)
    assert (adam.defaults["lr"], adam.defaults["betas"], adam.defaults["weight_decay"]) == (0.001, (0.8, 0.7), 0.1)


def test_the_head_optimizer_uses_the_settings_of_the_head():
    head = nn.Linear(2, 2)
    sgd = make_head_optimizer(head, make_spec({"top_lr": 0.2, "top_momentum": 0.5, "top_weight_decay": 0.1, "lr": 9.0}))
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.defaults["lr"], sgd.defaults["momentum"], sgd.defaults["weight_decay"]) == (0.2, 0.5, 0.1)
    adam = make_head_optimizer(head, make_spec({"top_optimizer": "adam", "beta1": 0.8, "top_weight_decay": 0.1}))
    assert isinstance(adam, torch.optim.Adam)
    assert (adam.defaults["lr"], adam.defaults["betas"], adam.defaults["weight_decay"]) == (0.001, (0.8, 0.999), 0.1)


def test_frozen_parameters_are_in_no_optimizer():
    trunk = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False))
    trained = make_trunk_optimizer(trunk, make_spec({})).param_groups[0]["params"]
    assert [id(parameter) for parameter in trained] == [id(parameter) for parameter in trunk[0].parameters()]
