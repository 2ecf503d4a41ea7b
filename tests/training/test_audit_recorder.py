"""The facts of an audit are read from the live objects: when an object changes, its fact changes."""

import dataclasses

import numpy as np
import pytest
import torch

from dcbench.core.spec import make_spec
from dcbench.training import audit_recorder, datasets
from dcbench.training.audit_recorder import AuditRecorder, compute_due_shares, digest
from dcbench.training.costs import StageClock
from dcbench.training.deepcluster import images, pseudo_labels
from dcbench.training.deepcluster.features import extract_features
from dcbench.training.deepcluster.training_pass import train_pass
from dcbench.training.methods import deepcluster, pixels

CPU = torch.device("cpu")
SPEC = make_spec({"limit": 60, "width": 0.05, "pca_dim": 8, "epochs": 2, "batch_size": 16, "k": 4, "input_channels": 2})


class Scene:
    """The objects of a run before its first pass."""

    def __init__(self, spec, data_dir):
        self.spec = spec
        self.split, self.test = datasets.load_training(spec, data_dir), datasets.load_test(spec, data_dir)
        self.training = images.make_training_images(torch.from_numpy(self.split.pixels), 32, CPU)
        self.learner = deepcluster.begin(spec, CPU)
        self.recorder = AuditRecorder(spec)
        self.recorder.record_data(self.split, self.test)
        self.recorder.record_network(self.learner, self.training)
        features = extract_features(self.learner.network, self.training, "float32")
        space = pseudo_labels.preprocess(features, spec, StageClock(CPU))
        clustering = pseudo_labels.cluster(space, spec, 0, StageClock(CPU))
        self.recorder.record_clustering(space, clustering)
        deepcluster.relabel(self.learner, clustering.assignment, self.split, spec, 0)
        self.recorder.record_relabelling(clustering.assignment, 0)

    def train_one_pass(self):
        self.recorder.before_pass(self.learner)
        passed = train_pass(self.learner, self.training, self.spec, 1)
        self.recorder.after_pass(self.learner, passed, self.training, 1)
        return self.recorder.facts["passes"][-1]


@pytest.fixture
def scene(tmp_path):
    return Scene(SPEC, tmp_path)


def test_a_pass_without_faults_records_none(scene):
    facts = scene.train_one_pass()
    assert facts["trunk_moved"] > 0 and facts["head_moved"] > 0 and facts["frozen_moved"] == 0
    assert facts["misplaced"] == [] and facts["shared"] == facts["strangers"] == facts["targets_differ"] == 0
    assert facts["inputs_differ"] == 0 and facts["share_error"] <= facts["share_slack"]
    assert scene.recorder.facts["seconds"] > 0


def test_movement_is_the_relative_l2_distance(scene):
    scene.recorder.before_pass(scene.learner)
    with torch.no_grad():
        for value in scene.learner.network.trunk.parameters():
            value.mul_(1.5)
    moved = audit_recorder.measure_movement(scene.recorder._before, scene.learner.network)
    assert moved == {"trunk_moved": pytest.approx(0.5), "head_moved": 0.0, "frozen_moved": 0.0}


def test_parameters_without_or_with_two_optimizers_or_outside_the_network_are_counted(scene):
    learner = scene.learner
    assert audit_recorder.check_ownership(learner) == {"misplaced": [], "shared": 0, "strangers": 0}
    head = learner.network.head
    learner.trunk_optimizer.add_param_group({"params": [head.bias]})
    assert audit_recorder.check_ownership(learner)["shared"] == 1
    learner.network.head = torch.nn.Linear(head.in_features, 4)
    facts = audit_recorder.check_ownership(learner)
    assert facts["misplaced"] == ["head.weight", "head.bias"] and facts["strangers"] == 3
    assert audit_recorder.list_parameters(learner)["frozen"]["names"] == [
        "input.sobel.weight",
        "head.weight",
        "head.bias",
    ]


def test_a_trainable_sobel_filter_is_misplaced_with_or_without_an_optimizer(scene):
    sobel = scene.learner.network.input.sobel.weight
    sobel.requires_grad_(True)
    assert audit_recorder.check_ownership(scene.learner)["misplaced"] == ["input.sobel.weight"], (
        "wants gradients, has no optimizer"
    )
    scene.learner.trunk_optimizer.add_param_group({"params": [sobel]})
    assert audit_recorder.check_ownership(scene.learner)["misplaced"] == ["input.sobel.weight"], (
        "in the trunk's optimizer"
    )


@pytest.mark.parametrize(
    ("sampler", "due"), [("natural", [0.75, 0, 0.25]), ("uniform", [0.5, 0, 0.5]), ("weighted", [0.5, 0, 0.5])]
)
def test_due_shares_of_each_sampler(sampler, due):
    assert compute_due_shares(np.array([0, 0, 0, 2]), sampler).tolist() == due


def test_due_shares_of_the_published_code():
    # Images 0 and 1 are drawn half as often as 2; sorted by label, the positions 0, 1 and 2 hold the labels 0, 1, 1.
    assert compute_due_shares(np.array([1, 1, 0]), "published_code").tolist() == [0.25, 0.75]


@pytest.mark.parametrize("sampler", ["natural", "uniform", "weighted", "published_code"])
def test_every_sampler_draws_its_due_shares(tmp_path, sampler):
    facts = Scene(SPEC.model_copy(update={"sampler": sampler}), tmp_path).train_one_pass()
    assert facts["share_error"] <= facts["share_slack"] and facts["weighted"] == (sampler == "weighted")


def test_a_pass_over_other_images_or_labels_is_detected(scene):
    scene.learner.labels = (scene.learner.labels + 1) % 4
    assert scene.train_one_pass()["targets_differ"] == 60
    scene.training = dataclasses.replace(scene.training, pixels=scene.training.pixels.flip(0))
    trained = train_pass(scene.learner, scene.training, SPEC, 2)
    real = images.make_training_images(torch.from_numpy(scene.split.pixels), 32, CPU)
    assert scene.recorder.compare_inputs(trained, real, 2) > 0.1


def test_the_probe_depends_on_augmentation_input_and_precision(scene):
    def probe(**values):
        spec = SPEC.model_copy(update=values)
        return audit_recorder.describe_probe(deepcluster.begin(spec, CPU).network, scene.training, spec)

    first = probe()
    assert first["input_shape"] == [2, 32, 32] and first["clustering"] != first["training"]
    assert probe(augment="none")["training"] == first["clustering"]
    assert probe(input_channels=1)["input"] != first["input"]
    assert (first["precision"], probe(precision="bfloat16")["precision"]) == ("float32", "bfloat16")


def test_the_pixel_baseline_has_no_network_facts(scene):
    assert audit_recorder.describe_network(pixels.begin(SPEC, CPU).network) == {}


def test_a_digest_depends_on_the_bytes_only():
    values = torch.arange(6.0).reshape(2, 3)
    assert digest(values) == digest(values.numpy()) == digest(values.T.contiguous().T) and len(digest(values)) == 16
    assert digest(values) != digest(values + 1e-6)
