"""Every method keeps the contract, and its facts say what it is."""

import pytest
import torch

from dcbench import registry
from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import RunSpec, make_spec
from dcbench.training import datasets

METHODS = registry.plugin_names("methods")
CPU = torch.device("cpu")


def spec_of(method, **values):
    sets = {"epochs": 0} if not registry.facts("methods", method)["network"] else {}
    return make_spec({"method": method, "limit": 40, "width": 0.05, "pca_dim": 8, "k": 4} | sets | values)


def test_there_are_methods_and_the_default_is_one_and_no_baseline():
    assert {"deepcluster", "pixels", "supervised"} <= set(METHODS)
    assert "baseline" not in registry.facts("methods", make_spec({}).method)


@pytest.mark.parametrize("method", METHODS)
def test_it_begins_with_features_of_the_stated_size(method):
    learner = registry.load("methods", method).begin(spec_of(method), CPU)
    with torch.no_grad():
        learner.network.eval()
        features = learner.network.features(torch.zeros(2, 1, 32, 32))
    assert features.shape == (2, count_features(spec_of(method)))
    assert (learner.trunk_optimizer is not None) == registry.facts("methods", method)["network"]
    assert learner.labels is None and learner.head_optimizer is None


@pytest.mark.parametrize("method", METHODS)
def test_a_baselines_fields_are_fields(method):
    rule = registry.facts("methods", method).get("baseline")
    if rule:
        named = {*rule["each"], *rule["first"], *rule["sets"], *(name for one in rule["variants"] for name in one)}
        assert named <= set(RunSpec.model_fields) and not set(rule["each"]) & set(rule["first"])


@pytest.mark.parametrize("method", METHODS)
def test_labels_come_with_a_head_of_their_size(method, tmp_path):
    spec = spec_of(method)
    split = datasets.load_training(spec, tmp_path)
    part = registry.load("methods", method)
    learner = part.begin(spec, CPU)
    reassigned = part.relabel(learner, split.labels % 4, split, spec, 0)
    assert (learner.labels is None) == (learner.head_optimizer is None)
    if learner.labels is not None:
        classes = 4 if reassigned else split.class_count
        assert (learner.labels == (split.labels % 4 if reassigned else split.labels)).all()
        assert learner.network.head.out_features == classes


def test_supervised_keeps_its_head_and_deepcluster_does_not(tmp_path):
    heads = {}
    for method in ("supervised", "deepcluster"):
        spec = spec_of(method)
        split = datasets.load_training(spec, tmp_path)
        part = registry.load("methods", method)
        learner = part.begin(spec, CPU)
        seen = []
        for epoch in range(3):
            part.relabel(learner, split.labels % 4, split, spec, epoch)
            seen.append(learner.network.head)
        heads[method] = len({id(head) for head in seen})
    assert heads == {"supervised": 1, "deepcluster": 3}


def test_the_same_seed_starts_all_networks_from_the_same_weights():
    both = [registry.load("methods", name).begin(spec_of(name), CPU).network for name in ("deepcluster", "supervised")]
    for one, other in zip(both[0].trunk.parameters(), both[1].trunk.parameters(), strict=True):
        assert torch.equal(one, other)
