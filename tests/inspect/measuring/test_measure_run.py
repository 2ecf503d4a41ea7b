"""Everything that is measured of real runs: always on digits, on MNIST and CIFAR-10 where their files are available."""

import json

import numpy as np
import pytest
import torch

from dcbench.core.devices import list_gpus
from dcbench.core.store.run_state import RunState
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import DataError, ResultsError
from dcbench.inspect.measuring import measure_run
from dcbench.inspect.result import ARRAYS, RUN_FACTS
from dcbench.inspect.subject import read_inspected_run
from dcbench.training import metrics
from dcbench.training.datasets import load_training
from tests.helpers.inspected_runs import change_weights, make_run, measure_on_cpu

SHOWS_NETWORK = {"filters", "filters_before", "first_answers", "first_boxes", "last_answers"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def result(run):
    return measure_on_cpu(run)


def messages_of(result):
    checks = result.facts["checks"]
    return [check.message for check in checks if check.passed], [check.message for check in checks if not check.passed]


def test_every_array_and_fact_has_a_described_name(result):
    assert set(result.arrays) == set(ARRAYS)
    assert set(result.facts) == set(RUN_FACTS) - {"way_out"} and result.facts["missing"] == {}
    assert json.loads(json.dumps(result.facts)) == json.loads(json.dumps(dict(result.facts)))


def test_the_clusters_agree_with_the_recorded_assignment(run, result):
    recorded = run.read_assignments("assignment", "labels", "indices")
    for name, values in recorded.items():
        assert (result[name] == values).all()
    passed, failed = messages_of(result)
    assert (
        failed == []
        and "all 60 images are in the cluster that the run recorded" in passed[1]
        and "SHA-256" in passed[0]
    )
    assert result.facts["epoch"] == 2 and len(result.facts["rows"]) == 3
    assert float(result.facts["rows"][-1]["purity"]) == pytest.approx(
        metrics.purity(recorded["labels"], recorded["assignment"])
    )


@pytest.mark.parametrize("backend", ["sklearn", "torch"])
def test_the_clusters_of_every_backend_agree_with_the_recorded_assignment(tmp_path, backend):
    passed, failed = messages_of(
        measure_on_cpu(make_run(tmp_path, backend=backend, kmeans_restarts=2, reassign_every=2))
    )
    assert failed == [] and "all 60 images" in passed[1]


def test_the_images_are_the_pixels_of_the_dataset(run, result):
    split = load_training(run.read_spec(), run.path)
    assert (result["images"] == split.pixels[result["shown"]]).all() and result["images"].dtype == np.uint8
    named = np.concatenate([result[name].ravel() for name in ("nearest", "first_answers", "last_answers")])
    assert set(result["shown"]) == set(named[named >= 0])
    assert (result.image(result["nearest"][0, 0]) == split.pixels[result["nearest"][0, 0]]).all()


def test_the_same_run_gives_the_same_arrays(run, result):
    again = measure_on_cpu(run)
    for name, values in result.arrays.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)


# --- runs of every kind ---------------------------------------------------------------------


def test_an_untrained_network_needs_no_saved_weights(tmp_path):
    result = measure_on_cpu(make_run(tmp_path, weights=False, epochs=0))
    assert result.facts["epoch"] == 0 and result.facts["missing"] == {} and messages_of(result)[1] == []
    assert (result["filters"] == result["filters_before"]).all()


def test_a_pixel_baseline_has_no_filters_and_gives_the_reason(tmp_path):
    result = measure_on_cpu(make_run(tmp_path, weights=False, method="pixels", epochs=0))
    assert not SHOWS_NETWORK & set(result.arrays) and {"nearest", "means", "map"} <= set(result.arrays)
    assert set(result.facts["missing"]) >= SHOWS_NETWORK
    assert "there is no network" in result.facts["missing"]["filters"] and messages_of(result)[1] == []


def test_the_clusters_of_a_supervised_run_have_a_note(tmp_path):
    result = measure_on_cpu(make_run(tmp_path, method="supervised", sampler="natural"))
    passed, failed = messages_of(result)
    assert failed == [] and "its clusters only serve the scores" in passed[-1] and "filters" in result


def test_of_many_clusters_the_largest_are_shown(tmp_path):
    result = measure_on_cpu(make_run(tmp_path, k=40), cluster_count=5)
    sizes = np.bincount(result["assignment"], minlength=40)
    assert sorted(sizes[result["clusters"]]) == sorted(sizes)[-5:] and result["nearest"].shape == (5, 10)
    assert (result["nearest"][0] >= 0).sum() == min(10, sizes.max()) and np.isnan(result["distances"]).any()


def test_a_collapsed_run_is_measured_except_for_its_map(tmp_path):
    """All features are equal, as after the last layer has died, so k-means fills clusters by splitting others."""
    folder = make_run(tmp_path)

    def set_trunk_to_zero(network):
        last = max(name for name in network if name.startswith("trunk.") and name.endswith(".weight"))
        for name in network:
            if name.startswith("trunk.") and "num_batches" not in name and "running_var" not in name:
                network[name] = torch.zeros_like(network[name])
        assert network[last].abs().sum() == 0

    change_weights(folder, set_trunk_to_zero)
    result = measure_on_cpu(folder)
    _, failed = messages_of(result)
    assert "only 1 different points" in result.facts["missing"]["map"] and "map" not in result
    assert any("images are in another cluster than the run recorded" in text for text in failed)
    assert any("which were filled by splitting others: 3" in text for text in failed)
    assert (result["first_strengths"] == 0).all() and (result["first_ties"] == 60).all()


def test_a_stopped_run_is_measured_at_its_checkpoint(tmp_path):
    folder = make_run(tmp_path, stop=True)
    result = measure_on_cpu(folder)
    passed, failed = messages_of(result)
    assert result.facts["epoch"] == 0 and result.facts["state"] == "pending" and len(result.facts["rows"]) == 1
    assert "after epoch 0 of 2" in failed[0] and "all 60 images are in the cluster that the run recorded" in passed[1]
    folder.write_state(RunState(name="failed", kind="nan", reason="the loss became nan"))
    assert measure_on_cpu(folder).facts["state"] == "failed (nan)"


def test_sobel_filters_are_not_shown_as_learned(tmp_path):
    folder = make_run(tmp_path, input_channels=2)
    result = measure_on_cpu(folder)
    assert result["filters"].shape[1:] == (2, 3, 3)
    assert result["first_boxes"][..., 2:] == pytest.approx(5 / 32), "a 3x3 filter on 3x3 gradients sees 5 pixels"
    network_state = torch.load(folder.checkpoint_file, weights_only=True)["learner"]["network"]
    assert (
        result["filters"] == network_state["trunk.0.weight"].numpy()
    ).all() and "input.sobel.weight" in network_state


# --- damaged runs ---------------------------------------------------------------------------


@pytest.fixture
def own_run(tmp_path):
    """Return a new run that the test may damage."""
    return make_run(tmp_path)


def test_changed_weights_fail_a_check(own_run):
    change_weights(own_run, lambda network: network["trunk.0.weight"].mul_(-1))
    _, failed = messages_of(measure_on_cpu(own_run))
    assert len(failed) == 1 and "images are in another cluster than the run recorded" in failed[0]


def test_without_a_recorded_assignment_its_scores_are_compared(tmp_path):
    folder = make_run(tmp_path, weights=False, epochs=0)
    folder.assignments_file.unlink()
    passed, failed = messages_of(measure_on_cpu(folder))
    assert failed == [] and "all 6 scores" in passed[1]
    folder.metrics_file.write_text(folder.metrics_file.read_text().replace(row_of(folder)["ami_true"], "0.9876"))
    assert "other scores than recorded (ami_true" in messages_of(measure_on_cpu(folder))[1][0]
    text = folder.metrics_file.read_text().splitlines()[0]
    folder.metrics_file.write_text(f"{text}\n0{',' * text.count(',')}\n")
    assert "nor scores to compare with" in messages_of(measure_on_cpu(folder))[1][0]


def row_of(folder):
    header, row = (text.split(",") for text in folder.metrics_file.read_text().splitlines())
    return dict(zip(header, row, strict=True))


def test_images_that_differ_from_the_recorded_ones_are_refused(own_run):
    own_run.write_provenance(own_run.read_provenance() | {"dataset": {"sha256": "0" * 64}})
    with pytest.raises(DataError, match=r"not the images that the run was made on.*--data-dir"):
        measure_on_cpu(own_run)
    own_run.write_provenance({"threads": 1})
    assert "does not record its images" in messages_of(measure_on_cpu(own_run))[1][0]


def test_a_damaged_checkpoint_or_one_of_another_run_is_an_error_with_the_remedy(own_run):
    whole = own_run.checkpoint_file.read_bytes()
    own_run.checkpoint_file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ResultsError, match=r"checkpoint\.pt: cannot be read.*dcbench inspect .* --replay"):
        measure_on_cpu(own_run)
    contents = torch.load(make_run(own_run.path.parent.parent, seed=1).checkpoint_file, weights_only=True)
    torch.save(contents, own_run.checkpoint_file)
    with pytest.raises(ResultsError, match="is of run"):
        measure_on_cpu(own_run)


def test_weights_that_are_not_finite_are_an_error(own_run):
    change_weights(own_run, lambda network: network["trunk.0.weight"].fill_(float("nan")))
    with pytest.raises(ResultsError, match="its weights cannot be used: the features became NaN"):
        measure_on_cpu(own_run)


# --- real photographs -----------------------------------------------------------------------


@pytest.mark.realdata
@pytest.mark.parametrize(("dataset", "channels"), [("mnist", 3), ("cifar10", 3), ("cifar10", 2)])
def test_real_images_have_the_recorded_clusters(tmp_path, data_dir, dataset, channels):
    folder = make_run(tmp_path, data_dir=data_dir, dataset=dataset, input_channels=channels, limit=300, epochs=1)
    result = measure_on_cpu(folder, data_dir=data_dir)
    passed, failed = messages_of(result)
    assert failed == [] and "all 300 images are in the cluster that the run recorded" in passed[1]
    split = load_training(folder.read_spec(), data_dir)
    assert (result["images"] == split.pixels[result["shown"]]).all()
    assert result["images"].shape[1:] == ((1, 32, 32) if dataset == "mnist" else (3, 32, 32))
    assert result.facts["class_names"][3] == ("3" if dataset == "mnist" else "cat")


@pytest.mark.gpu
def test_a_run_on_a_gpu_can_be_measured(tmp_path):
    folder = make_run(tmp_path, device="cuda", precision="bfloat16")
    result = measure_run(
        read_inspected_run(folder.path), WorkerConfig(data_dir=tmp_path, device="cuda", gpu=list_gpus()[0].uuid), 20
    )
    assert set(result.arrays) == set(ARRAYS) and messages_of(result)[1] == []
