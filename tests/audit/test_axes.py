"""The audit passes for the real code, and each planted fault fails its axis or its check."""

import dataclasses
import json

import numpy as np
import pytest

from dcbench import registry
from dcbench.audit import axes
from dcbench.audit.expectations import EXPECTATIONS, look_up
from dcbench.core.spec import SECTION_FIELDS, RunSpec
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.training import datasets, loop
from dcbench.training.deepcluster import images, pseudo_labels
from dcbench.training.deepcluster.images import Images
from dcbench.training.methods import deepcluster
from tests.helpers import own_plugins
from tests.helpers.command_line import shell
from tests.helpers.matrices import plan_of
from tests.helpers.own_plugins import write_plugin
from tests.helpers.planted_faults import (
    plant_a_backend_that_switches_the_sampler,
    plant_a_conversion_that_wraps,
    plant_a_dataset_in_cluster_order,
    plant_an_optimizer_over_the_first_head,
    plant_trainable_sobel,
)
from tests.helpers.result_folders import fill

SETTINGS = "{limit: 60, width: 0.05, pca_dim: 8, epochs: 2, batch_size: 16, k: 4}"
BACKENDS = f"name: m\naxes: {{backend: [faiss, sklearn]}}\nsettings: {SETTINGS}\n"
SOBEL = f"name: m\naxes: {{input_channels: [1, 2]}}\nsettings: {SETTINGS}\n"


@pytest.fixture
def audited(run_here):
    """Return a function that runs a matrix text in this process and audits it."""

    def do(text):
        folder = run_here(text)
        assert {entry.state.name for entry in status.read_planned_runs(plan_of(text), folder)} == {"done"}
        return axes.audit(folder)

    return do


def failed_checks(result):
    return {problem.check for problem in result.failures}


# --- the real code --------------------------------------------------------------------------


def test_every_field_that_can_be_an_axis_has_an_expectation():
    assert set(EXPECTATIONS) == set(RunSpec.model_fields) - set(SECTION_FIELDS)


SAME_OUTCOME = ("backend", "pca_backend", "whiten_backend", "kmeans_backend", "kmeans_iterations")
"""Axes that may act and still have the same outcome on a few images."""

AXES = [
    "optimizer: [sgd, adam]", "top_optimizer: [sgd, adam]", "lr: [0.05, 0.1]", "top_lr: [0.05, 0.1]",
    "momentum: [0.0, 0.9]", "top_momentum: [0.0, 0.9]", "weight_decay: [0.0, 0.1]", "top_weight_decay: [0.0, 0.1]",
    "backend: [faiss, sklearn, torch]", "pca_backend: [faiss, torch]", "whiten_backend: [faiss, torch]",
    "kmeans_backend: [faiss, torch]", "input_channels: [1, 2, 3]", "width: [0.05, 0.1]", "limit: [50, 60]",
    "test_limit: [20, 30]", "image_size: [16, 32]", "k: [3, 4]", "epochs: [1, 2]", "batch_size: [16, 20]",
    "pca_dim: [4, 8]", "whiten: [true, false]", "l2_normalize: [true, false]", "kmeans_iterations: [1, 20]",
    "kmeans_restarts: [1, 3]", "sampler: [uniform, natural, weighted, published_code]", "reassign_every: [1, 2]",
    "augment: [none, crop, crop_flip, published]", "precision: [float32, bfloat16]", "arch: [alexnet, vgg16]",
    "method: [deepcluster, supervised]",
]  # fmt: skip


@pytest.mark.parametrize("axis", AXES)
def test_every_axis_acts(audited, axis):
    name = axis.split(":")[0]
    settings = SETTINGS if name == "reassign_every" else SETTINGS.replace("epochs: 2", "epochs: 1")
    other_settings = [setting for setting in settings.strip("{}").split(", ") if not setting.startswith(f"{name}:")]
    result = audited(f"name: m\naxes: {{{axis}}}\nsettings: {{{', '.join(other_settings)}}}\n")
    (only,) = result.axes
    assert result.failures == [] and result.passed
    assert only.verdict in ("acts", "acts, same outcome"), only
    assert only.acted == only.common == only.pairs >= 1
    if name not in SAME_OUTCOME:
        assert only.outcome == only.pairs


def test_runs_are_paired_within_a_repeat(audited):
    settings = SETTINGS.replace("epochs: 2", "epochs: 1")
    result = audited(f"name: m\naxes: {{optimizer: [sgd, adam]}}\nseeds: [0, 1]\nrepeats: 2\nsettings: {settings}\n")
    (only,) = result.axes
    assert (result.runs, only.pairs, only.acted, only.common) == (8, 4, 4, 4), "of 28 pairs of runs, 4 share a repeat"
    assert only.verdict == "acts" and result.passed


def test_the_betas_act_with_adam_and_do_nothing_with_sgd(audited):
    adam = SETTINGS.replace("}", ", optimizer: adam, top_optimizer: adam}")
    for beta in ("beta1: [0.5, 0.9]", "beta2: [0.9, 0.999]"):
        assert audited(f"name: a\naxes: {{{beta}}}\nsettings: {adam}\n").axes[0].verdict == "acts"
        idle = audited(f"name: s\naxes: {{{beta}}}\nsettings: {SETTINGS}\n")
        assert idle.axes[0].verdict == "does nothing" and not idle.passed and idle.failures == []


def test_fields_that_follow_an_axis_are_named_and_zipped_fields_are_one_axis(audited):
    text = (
        "name: m\naxes: {optimizer: [sgd, adam]}\nzip:\n  - {k: [3, 5], pca_dim: [4, 8]}\n"
        "settings: {limit: 60, width: 0.05, epochs: 1, batch_size: 16}\n"
        "overrides:\n  - {when: {optimizer: adam}, set: {weight_decay: 0.001}}\n"
    )
    optimizer, joint = audited(text).axes
    assert set(optimizer.follows) == {"weight_decay", "lr"} and optimizer.pairs == 2
    assert optimizer.message.startswith("acts, with ")
    assert (joint.name, joint.pairs, joint.verdict) == ("k + pca_dim", 2, "acts")


def test_fields_that_follow_indirectly_are_named(audited):
    text = (
        "name: m\naxes: {pca_backend: [faiss, torch]}\n"
        "settings: {limit: 60, width: 0.05, epochs: 1, batch_size: 16, pca_dim: 8, k: 4}\n"
        "overrides:\n  - {when: {pca_backend: torch}, set: {optimizer: adam}}\n"
        "  - {when: {optimizer: adam}, set: {weight_decay: 0.001}}\n"
    )
    (axis,) = audited(text).axes
    assert axis.verdict == "acts" and set(axis.follows) == {"optimizer", "lr", "weight_decay"}


def test_two_values_with_the_same_effect_are_named_when_a_third_acts(run_here, monkeypatch):
    real = images.draw_crop_boxes
    monkeypatch.setattr(
        images, "draw_crop_boxes", lambda count, augment, rng: real(count, augment.removesuffix("_flip"), rng)
    )
    text = BACKENDS.replace("backend: [faiss, sklearn]", "augment: [crop, crop_flip, published]")
    (axis,) = axes.audit(run_here(text)).axes
    assert axis.message == "does nothing between crop and crop_flip" and axis.acted == 2


def test_an_axis_of_epochs_may_include_zero(audited):
    (axis,) = audited(BACKENDS.replace("backend: [faiss, sklearn]", "epochs: [0, 2]").replace("epochs: 2, ", "")).axes
    assert axis.verdict == "acts"


def test_runs_that_are_not_exact_need_not_share_the_first_assignment(run_here):
    folder = run_here(BACKENDS.replace("backend: [faiss, sklearn]", "optimizer: [sgd, adam]"))
    file = next(folder.path.glob("*adam*/audit.json"))
    facts = json.loads(file.read_text())
    facts["first"]["assignment"] = "other"
    for exact, verdict in ((True, "confounded"), (False, "acts")):
        file.write_text(json.dumps(facts | {"exact": exact}))
        assert axes.audit(folder).axes[0].verdict == verdict


def test_malformed_audit_facts_are_a_failed_check(run_here):
    folder = run_here(BACKENDS)
    for text in ('{"passes": [{"epoch": 1}]}', "{}", '{"data": 3, "stages": [], "passes": {}}'):
        next(folder.path.glob("*/audit.json")).write_text(text)
        result = axes.audit(folder)
        assert "audit" in failed_checks(result) and not result.passed


def test_duplicates_between_the_splits_are_a_note_when_their_number_is_unknown(run_here, monkeypatch):
    plant_test_images_in_training(monkeypatch)
    facts = registry.facts("datasets", "digits")
    monkeypatch.setattr(registry, "facts", without_duplicates(registry.facts))
    assert "duplicates" in facts
    result = axes.audit(run_here(BACKENDS))
    assert result.notes == ["digits: 3 training images are test images, pixel for pixel"] and result.passed


def without_duplicates(real):
    def facts(kind, name):
        return {fact: value for fact, value in real(kind, name).items() if fact != "duplicates"}

    return facts


def test_an_axis_without_pairs_has_the_verdict_no_pairs(run_here):
    text = "name: m\naxes: {k: [4], epochs: [1]}\nsettings: {limit: 60, width: 0.05, pca_dim: 8}\n"
    folder = run_here(text + "include:\n  - {k: 5, epochs: 2}\n")
    result = axes.audit(folder)
    assert [axis.verdict for axis in result.axes] == ["no pairs", "no pairs"] and result.passed


def test_baselines_are_checked_but_not_paired(audited):
    result = audited(BACKENDS + "baselines: [pixels, supervised]\n")
    assert result.runs == 5 and result.axes[0].pairs == 1 and result.failures == []


def test_a_run_with_a_damaged_audit_fails_a_check(run_here):
    folder = run_here(BACKENDS)
    first, _ = sorted(folder.path.glob("*/audit.json"))
    first.write_text(first.read_text()[:100])
    result = axes.audit(folder)
    assert failed_checks(result) == {"audit"} and result.axes[0].verdict == "no pairs" and not result.passed


def test_the_audit_file_records_parameters_passes_stages_and_splits(run_here):
    facts = json.loads(next(run_here(SOBEL).path.glob("*c2*/audit.json")).read_text())
    assert facts["parameters"]["frozen"] == {"names": ["input.sobel.weight"], "count": 18}
    assert facts["parameters"]["head"]["names"] == ["head.weight", "head.bias"]
    assert [passed["epoch"] for passed in facts["passes"]] == [1, 2]
    assert all(passed["trunk_moved"] > 0 and passed["head_moved"] > 0 for passed in facts["passes"])
    assert all(passed["frozen_moved"] == 0 for passed in facts["passes"])
    assert facts["probe"]["input_shape"] == [2, 32, 32] and facts["probe"]["clustering"] != facts["probe"]["training"]
    assert facts["stages"]["pca"]["library"] == "faiss" and facts["stages"]["kmeans"]["arguments"]["nredo"] == 1
    assert facts["data"]["shared_indices"] == facts["data"]["duplicates"] == 0
    assert 0 < facts["chance"]["nmi_true"] < 0.4


# --- planted faults -------------------------------------------------------------------------


def plant_labels_of_other_images(monkeypatch):
    real = loop.train_pass

    def train(learner, images, spec, epoch):
        learner.labels = np.roll(learner.labels, 7)
        return real(learner, images, spec, epoch)

    monkeypatch.setattr(loop, "train_pass", train)


def plant_an_ignored_backend(monkeypatch):
    real = registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: real(kind, "faiss" if kind == "backends" else name))


def plant_a_backend_in_the_seed(monkeypatch):
    real = deepcluster.build_network
    leaked = lambda spec: spec.model_copy(update={"seed": spec.seed + (spec.pca_backend == "sklearn")})  # noqa: E731
    monkeypatch.setattr(deepcluster, "build_network", lambda spec, device: real(leaked(spec), device))


def plant_test_images_in_training(monkeypatch):
    real = loop.load_training

    def load_training(spec, data_dir):
        split, test = real(spec, data_dir), datasets.load_test(spec, data_dir)
        pixels = np.concatenate([split.pixels[:-3], test.pixels[:3]])
        return dataclasses.replace(split, pixels=pixels)

    monkeypatch.setattr(loop, "load_training", load_training)


def plant_shared_indices(monkeypatch):
    real = loop.load_test

    def load_test(spec, data_dir):
        split = real(spec, data_dir)
        shared = datasets.load_training(spec, data_dir).indices[:2]
        return dataclasses.replace(split, indices=np.concatenate([shared, split.indices[2:]]))

    monkeypatch.setattr(loop, "load_test", load_test)


def plant_a_training_view_that_is_plain(monkeypatch):
    monkeypatch.setattr(Images, "augmented", lambda images, indices, *_: images.plain(indices))


FAULTS = {
    "head optimizer over the old head": (BACKENDS, plant_an_optimizer_over_the_first_head, "head trained"),
    "trainable Sobel": (SOBEL, plant_trainable_sobel, "frozen"),
    "labels shuffled against the sampler's indices": (BACKENDS, plant_labels_of_other_images, "labels"),
    "images that wrap": (BACKENDS, plant_a_conversion_that_wraps, "images"),
    "images shuffled against the labels": (BACKENDS, plant_a_dataset_in_cluster_order, "images"),
    "backend argument ignored": (BACKENDS, plant_an_ignored_backend, "setting pca_backend"),
    "test images in the training set": (BACKENDS, plant_test_images_in_training, "splits"),
    "indices in both splits": (BACKENDS, plant_shared_indices, "splits"),
    "training view equal to none": (BACKENDS, plant_a_training_view_that_is_plain, "training view"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_fails_its_check(fault, run_here, monkeypatch):
    text, plant, check = FAULTS[fault]
    plant(monkeypatch)
    result = axes.audit(run_here(text))
    assert check in failed_checks(result) and not result.passed


def test_an_ignored_backend_has_the_verdict_does_nothing(run_here, monkeypatch):
    plant_an_ignored_backend(monkeypatch)
    (axis,) = axes.audit(run_here(BACKENDS)).axes
    assert (axis.verdict, axis.acted, axis.outcome) == ("does nothing", 0, 0)


def plant_other_first_centroids_for_sklearn(monkeypatch):
    real = pseudo_labels.draw_first_centroids

    def draw_first_centroids(count, spec, epoch, restart):
        return real(count, spec, epoch, restart + (spec.kmeans_backend == "sklearn"))

    monkeypatch.setattr(pseudo_labels, "draw_first_centroids", draw_first_centroids)


@pytest.mark.parametrize(
    ("plant", "blamed"),
    [
        (plant_a_backend_in_the_seed, "weights"),
        (plant_a_backend_that_switches_the_sampler, "sampler"),
        (plant_other_first_centroids_for_sklearn, "first centroids"),
    ],
)
def test_an_undeclared_change_confounds_an_axis(plant, blamed, run_here, monkeypatch):
    plant(monkeypatch)
    text = BACKENDS.replace("k: 4", "k: 4, augment: none")
    (axis,) = axes.audit(run_here(text)).axes
    assert axis.verdict == "confounded" and blamed in axis.confounders and blamed in axis.message


# --- the command --------------------------------------------------------------------------------


def test_the_command_prints_the_table_and_exits_with_1_after_a_failed_check(run_here, tmp_path):
    folder = run_here(BACKENDS)
    completed = shell("audit", str(folder.path), cwd=tmp_path)
    assert completed.returncode == 0 and "every check of every run passed" in completed.stdout
    assert "backend" in completed.stdout and "acts" in completed.stdout
    result = json.loads(shell("audit", str(folder.path), "--json", cwd=tmp_path).stdout)
    assert result[0]["good"] and result[0]["axes"][0]["pairs"] == 1
    file = next(folder.path.glob("*/audit.json"))
    facts = json.loads(file.read_text())
    facts["passes"][1]["frozen_moved"] = 0.5
    file.write_text(json.dumps(facts))
    completed = shell("audit", str(folder.path), cwd=tmp_path)
    assert completed.returncode == 1 and "failed frozen" in completed.stdout and "epoch 2" in completed.stdout


@pytest.mark.parametrize(
    ("path", "value"),
    [("a.b", 1), ("a.c", None), ("x.b", None), ("list.1.v", 3), ("list.*.v", [2, 3]), ("list.9.v", None), ("a.*", [])],
)
def test_look_up_follows_a_dotted_path(path, value):
    assert look_up({"a": {"b": 1}, "list": [{"v": 2}, {"v": 3}]}, path) == value


def test_audit_without_results_exits_with_2(tmp_path):
    assert shell("audit", str(tmp_path), cwd=tmp_path).returncode == 2


# --- plug-ins of the user's own -----------------------------------------------------------------


@pytest.fixture
def own_status(tmp_path):
    """A matrix whose four runs are done, two of them with an own architecture."""
    write_plugin(tmp_path / "parts")
    registry.use_plugins([tmp_path / "parts"])
    plan, folder = plan_of(own_plugins.MATRIX), MatrixDir(tmp_path / "m")
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec).write_audit({})
    return status.read_status(folder)


def evidence_of(planned_run, plugins):
    """Evidence with nothing wrong in it, of a run with these digests."""
    return axes.RunEvidence(
        spec=planned_run.spec, failures=[], notes=[], outcome=planned_run.spec.run_id, exact=True, plugins=plugins,
        evidence={"arch": planned_run.spec.arch, "optimizer": planned_run.spec.optimizer},
        random_numbers=dict.fromkeys(axes.COMMON_RANDOM_NUMBERS),
    )  # fmt: skip


def test_a_plugin_that_changed_between_the_runs_fails_the_audit_and_is_counted(own_status):
    digests = iter(["a1", "b2"])
    runs = [evidence_of(run, {"archs/own": next(digests)} if run.spec.arch == "own" else {}) for run in own_status.done]
    result = axes.audit_status(own_status, runs)
    (failure,) = result.failures
    assert (failure.run, failure.check) == ("archs/own", "plug-in") and not result.passed
    assert failure.message.startswith("its source changed between the runs (") and "1, 1" in failure.message


def test_two_plugins_are_judged_each_by_its_own_digests(own_status):
    own = iter([{"archs/own": "a1", "backends/mirror": "m1"}, {"archs/own": "a1", "backends/mirror": "m2"}])
    runs = [evidence_of(run, next(own) if run.spec.arch == "own" else {}) for run in own_status.done]
    assert [failure.run for failure in axes.audit_status(own_status, runs).failures] == ["backends/mirror"]


def test_one_source_for_all_runs_passes(own_status):
    runs = [evidence_of(run, {"archs/own": "a1"} if run.spec.arch == "own" else {}) for run in own_status.done]
    result = axes.audit_status(own_status, runs)
    assert result.passed and {axis.name: axis.verdict for axis in result.axes} == {"arch": "acts", "optimizer": "acts"}


def test_a_run_whose_audit_cannot_be_read_does_not_hide_the_change(own_status):
    unreadable = own_status.done[-1]
    digests = iter(["a1", "b2"])
    runs = [
        None if run is unreadable else evidence_of(run, {"archs/own": next(digests)} if run.spec.arch == "own" else {})
        for run in own_status.done
    ]
    assert {failure.check for failure in axes.audit_status(own_status, runs).failures} == {"audit", "plug-in"}


def test_the_audit_reads_the_digests_that_the_runs_recorded(own_status):
    for number, run in enumerate(own_status.done):
        run.folder.write_audit({"plugins": {"archs/own": f"digest {number}"}} if run.spec.arch == "own" else {})
    evidence = axes.read_evidence(own_status.done, ["arch"])
    recorded = [run.plugins for run in evidence if run.spec.arch == "own"]
    assert recorded == [{"archs/own": "digest 0"}, {"archs/own": "digest 1"}]
    assert [run.plugins for run in evidence if run.spec.arch != "own"] == [{}, {}]
