"""What every method must do: `begin` makes a learner, `relabel` gives it its labels."""

from __future__ import annotations

from pathlib import Path

import torch

from dcbench import registry
from dcbench.core.matrix.validate import count_features
from dcbench.core.spec import RunSpec, make_spec
from dcbench.training import datasets

CPU = torch.device("cpu")


def spec_of(method: str) -> RunSpec:
    """Return a spec of a tiny run of the method on scikit-learn's digits."""
    epochs = {} if registry.facts("methods", method)["network"] else {"epochs": 0}
    return make_spec({"method": method, "limit": 40, "width": 0.05, "pca_dim": 8, "k": 4} | epochs)


def check_beginning(method: str, folder: Path) -> None:
    """The learner begins without labels and a head's optimizer, and its features have the stated size."""
    spec = spec_of(method)
    learner = registry.load("methods", method).begin(spec, CPU)
    with torch.no_grad():
        learner.network.eval()
        shape = tuple(learner.network.features(torch.zeros(2, 1, 32, 32)).shape)
    assert shape == (2, count_features(spec)), f"features {shape}, expected {(2, count_features(spec))}"
    trains = registry.facts("methods", method)["network"]
    assert (learner.trunk_optimizer is not None) == trains, "FACTS['network'] and the trunk's optimizer disagree"
    assert learner.labels is None, "labels before the first clustering"
    assert learner.head_optimizer is None, "a head's optimizer before the first clustering"


def check_labels(method: str, folder: Path) -> None:
    """Labels come together with a head of their size and its optimizer."""
    spec = spec_of(method)
    split = datasets.load_training(spec, folder)
    module = registry.load("methods", method)
    learner = module.begin(spec, CPU)
    reassigned = module.relabel(learner, split.labels % 4, split, spec, 0)
    assert (learner.labels is None) == (learner.head_optimizer is None), "labels and optimizer do not come together"
    if learner.labels is not None:
        expected = split.labels % 4 if reassigned else split.labels
        assert (learner.labels == expected).all(), "the labels are neither the clustering nor the true labels"
        classes = 4 if reassigned else split.class_count
        assert learner.network.head.out_features == classes, f"the head has not {classes} outputs"


def check_baseline(method: str, folder: Path) -> None:
    """The fields that a baseline's FACTS name are fields of the spec."""
    rule = registry.facts("methods", method).get("baseline")
    if rule is None:
        return
    variants = {name for variant in rule["variants"] for name in variant}
    unknown = {*rule["each"], *rule["first"], *rule["sets"], *variants} - set(RunSpec.model_fields)
    assert not unknown, f"no such fields: {', '.join(sorted(unknown))}"
    assert not set(rule["each"]) & set(rule["first"]), "a field stands in both 'each' and 'first'"


def check_seed(method: str, folder: Path) -> None:
    """The same spec begins with the same features twice."""
    batch = torch.rand(4, 1, 32, 32)
    # The head is left out: every method draws a new one together with its labels.
    with torch.no_grad():
        networks = [registry.load("methods", method).begin(spec_of(method), CPU).network.eval() for _ in range(2)]
        first, second = (network.features(batch) for network in networks)
    assert torch.equal(first, second), "two learners of one spec differ: draw their weights from the seed tree"
