"""Every method keeps the contract of its kind, and its facts agree with it."""

import pytest
import torch

from dcbench import registry
from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import RunSpec, make_spec
from dcbench.training import datasets

METHODS = registry.plugin_names("methods")
BASELINES = [name for name in METHODS if "baseline" in registry.facts("methods", name)]
CPU = torch.device("cpu")


def spec_of(method, **values):
    fixed_values = {"epochs": 0} if not registry.facts("methods", method)["network"] else {}
    return make_spec({"method": method, "limit": 40, "width": 0.05, "pca_dim": 8, "k": 4} | fixed_values | values)


def test_there_are_methods_and_the_default_is_not_a_baseline():
    assert {"deepcluster", "pixels", "supervised"} <= set(METHODS)
    assert {"pixels", "supervised"} <= set(BASELINES) and make_spec({}).method not in BASELINES


@pytest.mark.parametrize("method", METHODS)
def test_a_method_begins_with_features_of_the_stated_size(method):
    learner = registry.load("methods", method).begin(spec_of(method), CPU)
    with torch.no_grad():
        learner.network.eval()
        features = learner.network.features(torch.zeros(2, 1, 32, 32))
    assert features.shape == (2, count_features(spec_of(method)))
    assert (learner.trunk_optimizer is not None) == registry.facts("methods", method)["network"]
    assert learner.labels is None and learner.head_optimizer is None


@pytest.mark.parametrize("method", BASELINES)
def test_a_baseline_rule_names_fields_of_the_spec(method):
    rule = registry.facts("methods", method)["baseline"]
    fields = {*rule["each"], *rule["first"], *rule["sets"], *(name for variant in rule["variants"] for name in variant)}
    assert fields <= set(RunSpec.model_fields) and not set(rule["each"]) & set(rule["first"])


@pytest.mark.parametrize("method", METHODS)
def test_a_method_with_labels_has_a_head_of_their_size(method, tmp_path):
    spec = spec_of(method)
    split = datasets.load_training(spec, tmp_path)
    plugin = registry.load("methods", method)
    learner = plugin.begin(spec, CPU)
    reassigned = plugin.relabel(learner, split.labels % 4, split, spec, 0)
    assert (learner.labels is None) == (learner.head_optimizer is None)
    if learner.labels is not None:
        classes = 4 if reassigned else split.class_count
        assert (learner.labels == (split.labels % 4 if reassigned else split.labels)).all()
        assert learner.network.head.out_features == classes


def test_supervised_keeps_its_head_and_deepcluster_does_not(tmp_path):
    head_counts = {}
    for method in ("supervised", "deepcluster"):
        spec = spec_of(method)
        split = datasets.load_training(spec, tmp_path)
        plugin = registry.load("methods", method)
        learner = plugin.begin(spec, CPU)
        heads = []
        for epoch in range(3):
            plugin.relabel(learner, split.labels % 4, split, spec, epoch)
            heads.append(learner.network.head)
        head_counts[method] = len({id(head) for head in heads})
    assert head_counts == {"supervised": 1, "deepcluster": 3}


def test_the_same_seed_starts_all_networks_from_the_same_weights():
    networks = [
        registry.load("methods", name).begin(spec_of(name), CPU).network for name in ("deepcluster", "supervised")
    ]
    for first, second in zip(networks[0].trunk.parameters(), networks[1].trunk.parameters(), strict=True):
        assert torch.equal(first, second)
