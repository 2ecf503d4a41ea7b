import torch
from torch import nn

from dcbench.core.spec import make_spec
from dcbench.training.deepcluster.optimizers import head_optimizer, trunk_optimizer


def test_the_trunk_takes_all_its_own_settings():
    trunk = nn.Linear(2, 2)
    sgd = trunk_optimizer(trunk, make_spec({"lr": 0.2, "momentum": 0.5, "weight_decay": 0.1, "top_lr": 9.0}))
    assert isinstance(sgd, torch.optim.SGD)
    assert {key: sgd.defaults[key] for key in ("lr", "momentum", "weight_decay")} == {
        "lr": 0.2, "momentum": 0.5, "weight_decay": 0.1,
    }  # fmt: skip
    adam = trunk_optimizer(trunk, make_spec({"optimizer": "adam", "beta1": 0.8, "beta2": 0.7, "weight_decay": 0.1}))
    assert isinstance(adam, torch.optim.Adam)
    assert (adam.defaults["lr"], adam.defaults["betas"], adam.defaults["weight_decay"]) == (0.001, (0.8, 0.7), 0.1)


def test_the_head_takes_all_its_own_settings():
    head = nn.Linear(2, 2)
    sgd = head_optimizer(head, make_spec({"top_lr": 0.2, "top_momentum": 0.5, "top_weight_decay": 0.1, "lr": 9.0}))
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.defaults["lr"], sgd.defaults["momentum"], sgd.defaults["weight_decay"]) == (0.2, 0.5, 0.1)
    adam = head_optimizer(head, make_spec({"top_optimizer": "adam", "beta1": 0.8, "top_weight_decay": 0.1}))
    assert isinstance(adam, torch.optim.Adam)
    assert (adam.defaults["lr"], adam.defaults["betas"], adam.defaults["weight_decay"]) == (0.001, (0.8, 0.999), 0.1)


def test_frozen_parameters_are_in_no_optimizer():
    trunk = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False))
    held = trunk_optimizer(trunk, make_spec({})).param_groups[0]["params"]
    assert [id(parameter) for parameter in held] == [id(parameter) for parameter in trunk[0].parameters()]
