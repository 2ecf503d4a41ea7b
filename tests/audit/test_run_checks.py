"""Each check of a run, on the facts of a real run with one of them changed."""

import copy
import json

import pytest

from dcbench.audit import run_checks
from tests.helpers.matrices import plan_of

pytestmark = pytest.mark.xdist_group("checks")  # the fixture is expensive, so one worker runs all of these tests

TEXT = """
name: m
settings:
  {limit: 60, test_limit: 359, width: 0.05, pca_dim: 8, epochs: 2, batch_size: 16, k: 4, input_channels: 2}
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Return the spec and the audit facts of a real run."""
    from dcbench.core.store import status
    from dcbench.core.store.run_dir import MatrixDir
    from dcbench.core.worker_config import WorkerConfig
    from dcbench.execution import scheduler

    plan, folder = plan_of(TEXT), MatrixDir(tmp_path_factory.mktemp("results") / "m")
    status.store_plan(plan, folder)
    list(
        scheduler.run(
            status.read_planned_runs(plan, folder),
            "inline",
            scheduler.make_settings(WorkerConfig(data_dir=folder.path)),
        )
    )
    (run,) = status.read_planned_runs(plan, folder)
    return run.spec, json.loads(run.folder.audit_file.read_text())


def find_failures(spec, facts):
    return {(problem.check, problem.field) for problem in run_checks.check_run("r", spec, facts)}


def test_a_valid_run_fails_no_check(real):
    assert find_failures(*real) == set()


@pytest.mark.parametrize(
    ("path", "value", "check", "field"),
    [
        ("data.training.images", 59, "setting limit", "limit"),
        ("data.test.images", 358, "setting test_limit", "test_limit"),
        ("probe.input_shape.1", 16, "setting image_size", "image_size"),
        ("batch", 15, "setting batch_size", "batch_size"),
        ("method", "supervised", "setting method", "method"),
        ("passes.1.trunk_moved", 0.0, "trunk trained", "optimizer"),
        ("passes.1.trunk_moved", float("nan"), "trunk trained", "optimizer"),
        ("passes.0.head_moved", 0.0, "head trained", "top_optimizer"),
        ("passes.0.frozen_moved", 1e-9, "frozen", "input_channels"),
        ("passes.0.misplaced", ["head.weight"], "parameters", None),
        ("passes.0.shared", 1, "parameters", None),
        ("passes.0.strangers", 2, "parameters", None),
        ("passes.0.targets_differ", 1, "labels", "sampler"),
        ("passes.0.inputs_differ", 0.1, "images", None),
        ("passes.0.inputs_differ", float("nan"), "images", None),
        ("passes.0.share_error", 0.1, "shares", "sampler"),
        ("data.shared_indices", 1, "splits", None),
        ("data.duplicates", 1, "splits", None),
        ("optimizers.trunk.lr", 0.1, "setting lr", "lr"),
        ("optimizers.head.class", "adam", "setting top_optimizer", "top_optimizer"),
        ("stages.kmeans.library", "torch", "setting kmeans_backend", "kmeans_backend"),
        ("stages.pca.dim", 9, "setting pca_dim", "pca_dim"),
        ("unit_length", False, "setting l2_normalize", "l2_normalize"),
        ("whitened", False, "setting whiten", "whiten"),
        ("epochs", 1, "setting epochs", "epochs"),
    ],
)
def test_each_fault_fails_its_check(real, path, value, check, field):
    spec, facts = real[0], copy.deepcopy(real[1])
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    inside = facts
    for step in steps:
        inside = inside[step]
    inside[last] = value
    assert find_failures(spec, facts) == {(check, field)}


@pytest.mark.parametrize(("stage", "field"), [("pca", "pca_backend"), ("whiten", "whiten_backend")])
def test_a_missing_stage_fails_a_check(real, stage, field):
    spec, facts = real[0], copy.deepcopy(real[1])
    del facts["stages"][stage]
    assert (f"stage {stage}", field) in find_failures(spec, facts)


def test_a_missing_pass_fails_a_check(real):
    spec, facts = real[0], copy.deepcopy(real[1])
    del facts["passes"][1]
    assert ("passes", "epochs") in find_failures(spec, facts)


def test_the_training_view_must_agree_with_augment(real):
    spec, facts = real[0], copy.deepcopy(real[1])
    assert find_failures(spec.model_copy(update={"augment": "none"}), facts) == {("training view", "augment")}
    facts["probe"]["training"] = facts["probe"]["clustering"]
    assert find_failures(spec, facts) == {("training view", "augment")}
    assert find_failures(spec.model_copy(update={"augment": "none"}), facts) == set()


def test_duplicates_fail_a_check_only_when_their_number_is_known(real):
    spec, facts = real[0], copy.deepcopy(real[1])
    facts["data"]["duplicates"] = 3
    assert find_failures(spec.model_copy(update={"dataset": "cifar100"}), facts) == set()
