import torch

from dcbench.core.spec import make_spec
from dcbench.training.deepcluster.heads import new_head
from dcbench.training.deepcluster.network import build_network

SPEC = make_spec({"width": 0.1, "k": 7, "top_optimizer": "adam"})


def test_every_clustering_gets_a_new_head_and_a_new_optimizer_over_just_that_head():
    network = build_network(SPEC, torch.device("cpu"))
    first_optimizer, first_head = new_head(network, 7, SPEC, 0), network.head
    optimizer = new_head(network, 7, SPEC, 1)
    assert network.head is not first_head and optimizer is not first_optimizer
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert [id(parameter) for parameter in held] == [id(parameter) for parameter in network.head.parameters()]
    assert not torch.equal(network.head.weight, first_head.weight)
    assert network.head.out_features == 7 and not network.head.bias.any()
    assert abs(network.head.weight.std() / 0.01 - 1) < 0.05


def test_a_head_follows_from_seed_and_epoch_only():
    heads = []
    for optimizer in ("sgd", "adam"):
        spec = make_spec({"width": 0.1, "top_optimizer": optimizer, "optimizer": optimizer})
        network = build_network(spec, torch.device("cpu"))
        new_head(network, 10, spec, 3)
        heads.append(network.head.weight)
    assert torch.equal(*heads)
