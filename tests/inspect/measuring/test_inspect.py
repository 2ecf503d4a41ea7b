"""Everything gathered of real runs: digits always, MNIST and CIFAR-10 where their files are."""

import json

import numpy as np
import pytest
import torch

from dcbench.core.store.run_state import RunState
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import DataError, ResultsError
from dcbench.inspect import measuring, result
from dcbench.inspect.subject import read_subject
from dcbench.training import metrics
from dcbench.training.datasets import load_training
from tests.helpers.inspected_runs import change_weights, looked_at, made

SHOWS_NETWORK = {"filters", "filters_before", "first_answers", "first_boxes", "last_answers"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def found(run):
    return looked_at(run)


def notes(found):
    return [text for good, text in found.facts["checks"] if good], [
        text for good, text in found.facts["checks"] if not good
    ]


def test_every_array_and_fact_is_one_of_those_that_are_told(found):
    assert set(found.arrays) == set(result.ARRAYS)
    assert set(found.facts) == set(result.TOLD) - {"way_out"} and found.facts["missing"] == {}
    assert json.loads(json.dumps(found.facts)) == json.loads(json.dumps(dict(found.facts)))


def test_the_clusters_are_the_recorded_ones_to_the_image(run, found):
    recorded = run.read_assignments("assignment", "labels", "indices")
    for name, values in recorded.items():
        assert (found[name] == values).all()
    good, bad = notes(found)
    assert bad == [] and "all 60 images are in the cluster that the run recorded" in good[1] and "SHA-256" in good[0]
    assert found.facts["epoch"] == 2 and len(found.facts["rows"]) == 3
    assert float(found.facts["rows"][-1]["purity"]) == pytest.approx(
        metrics.purity(recorded["labels"], recorded["assignment"])
    )


@pytest.mark.parametrize("backend", ["sklearn", "torch"])
def test_the_clusters_of_every_backend_are_the_recorded_ones(tmp_path, backend):
    good, bad = notes(looked_at(made(tmp_path, backend=backend, kmeans_restarts=2, reassign_every=2)))
    assert bad == [] and "all 60 images" in good[1]


def test_the_images_are_the_datasets_own_pixels(run, found):
    split = load_training(run.read_spec(), run.path)
    assert (found["images"] == split.pixels[found["shown"]]).all() and found["images"].dtype == np.uint8
    named = np.concatenate([found[name].ravel() for name in ("nearest", "first_answers", "last_answers")])
    assert set(found["shown"]) == set(named[named >= 0])
    assert (found.image(found["nearest"][0, 0]) == split.pixels[found["nearest"][0, 0]]).all()


def test_the_same_run_gives_the_same_arrays(run, found):
    again = looked_at(run)
    for name, values in found.arrays.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)


# --- runs of every kind ---------------------------------------------------------------------


def test_an_untrained_network_needs_no_weights_kept(tmp_path):
    found = looked_at(made(tmp_path, weights=False, epochs=0))
    assert found.facts["epoch"] == 0 and found.facts["missing"] == {} and notes(found)[1] == []
    assert (found["filters"] == found["filters_before"]).all()


def test_pixels_have_no_network_and_say_so(tmp_path):
    found = looked_at(made(tmp_path, weights=False, method="pixels", epochs=0))
    assert not SHOWS_NETWORK & set(found.arrays) and {"nearest", "means", "map"} <= set(found.arrays)
    assert set(found.facts["missing"]) >= SHOWS_NETWORK
    assert "there is no network" in found.facts["missing"]["filters"] and notes(found)[1] == []


def test_supervised_clusters_only_serve_the_scores(tmp_path):
    found = looked_at(made(tmp_path, method="supervised", sampler="natural"))
    good, bad = notes(found)
    assert bad == [] and "its clusters only serve the scores" in good[-1] and "filters" in found


def test_of_many_clusters_the_largest_are_shown(tmp_path):
    found = looked_at(made(tmp_path, k=40), shown=5)
    sizes = np.bincount(found["assignment"], minlength=40)
    assert sorted(sizes[found["clusters"]]) == sorted(sizes)[-5:] and found["nearest"].shape == (5, 10)
    assert (found["nearest"][0] >= 0).sum() == min(10, sizes.max()) and np.isnan(found["distances"]).any()


def test_a_collapsed_run_is_drawn_as_far_as_it_goes(tmp_path):
    """All features equal, as they are where the last layer has died: k-means fills clusters by splitting others."""
    folder = made(tmp_path)

    def die(network):
        last = max(name for name in network if name.startswith("trunk.") and name.endswith(".weight"))
        for name in network:
            if name.startswith("trunk.") and "num_batches" not in name and "running_var" not in name:
                network[name] = torch.zeros_like(network[name])
        assert network[last].abs().sum() == 0

    change_weights(folder, die)
    found = looked_at(folder)
    _, bad = notes(found)
    assert "only 1 different points" in found.facts["missing"]["map"] and "map" not in found
    assert any("images are in another cluster than the run recorded" in text for text in bad)
    assert any("filled by splitting others: 3" in text for text in bad)
    assert (found["first_strengths"] == 0).all() and (found["first_ties"] == 60).all()


def test_a_stopped_run_is_shown_as_its_checkpoint_has_it(tmp_path):
    folder = made(tmp_path, stop=True)
    found = looked_at(folder)
    good, bad = notes(found)
    assert found.facts["epoch"] == 0 and found.facts["state"] == "pending" and len(found.facts["rows"]) == 1
    assert "after epoch 0 of 2" in bad[0] and "all 60 images are in the cluster that the run recorded" in good[1]
    folder.write_state(RunState(name="failed", kind="nan", reason="the loss became nan"))
    assert looked_at(folder).facts["state"] == "failed (nan)"


def test_sobel_filters_are_not_shown_as_learned(tmp_path):
    folder = made(tmp_path, input_channels=2)
    found = looked_at(folder)
    assert found["filters"].shape[1:] == (2, 3, 3)
    assert found["first_boxes"][..., 2:] == pytest.approx(5 / 32), "a 3x3 filter on 3x3 gradients sees 5 pixels"
    kept = torch.load(folder.checkpoint_file, weights_only=True)["learner"]["network"]
    assert (found["filters"] == kept["trunk.0.weight"].numpy()).all() and "input.sobel.weight" in kept


# --- what cannot be looked at ---------------------------------------------------------------


@pytest.fixture
def spoilt(tmp_path):
    """A run of one's own, to be damaged."""
    return made(tmp_path)


def test_other_weights_are_noticed(spoilt):
    change_weights(spoilt, lambda network: network["trunk.0.weight"].mul_(-1))
    _, bad = notes(looked_at(spoilt))
    assert len(bad) == 1 and "images are in another cluster than the run recorded" in bad[0]


def test_without_a_recorded_assignment_its_scores_are_compared(tmp_path):
    folder = made(tmp_path, weights=False, epochs=0)
    folder.assignments_file.unlink()
    good, bad = notes(looked_at(folder))
    assert bad == [] and "all 6 scores" in good[1]
    folder.metrics_file.write_text(folder.metrics_file.read_text().replace(row_of(folder)["ami_true"], "0.9876"))
    assert "scores otherwise than recorded (ami_true" in notes(looked_at(folder))[1][0]
    text = folder.metrics_file.read_text().splitlines()[0]
    folder.metrics_file.write_text(f"{text}\n0{',' * text.count(',')}\n")
    assert "nor scores to compare with" in notes(looked_at(folder))[1][0]


def row_of(folder):
    header, line = (text.split(",") for text in folder.metrics_file.read_text().splitlines())
    return dict(zip(header, line, strict=True))


def test_other_images_are_refused(spoilt):
    spoilt.write_provenance(spoilt.read_provenance() | {"dataset": {"sha256": "0" * 64}})
    with pytest.raises(DataError, match=r"not the images that the run was made on.*--data-dir"):
        looked_at(spoilt)
    spoilt.write_provenance({"threads": 1})
    assert "does not record which images" in notes(looked_at(spoilt))[1][0]


def test_a_torn_checkpoint_or_one_of_another_run_is_told_with_the_way_out(spoilt):
    whole = spoilt.checkpoint_file.read_bytes()
    spoilt.checkpoint_file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ResultsError, match=r"checkpoint\.pt: cannot be read.*dcbench inspect .* --replay"):
        looked_at(spoilt)
    contents = torch.load(made(spoilt.path.parent.parent, seed=1).checkpoint_file, weights_only=True)
    torch.save(contents, spoilt.checkpoint_file)
    with pytest.raises(ResultsError, match="is of run"):
        looked_at(spoilt)


def test_weights_that_are_no_numbers_are_told(spoilt):
    change_weights(spoilt, lambda network: network["trunk.0.weight"].fill_(float("nan")))
    with pytest.raises(ResultsError, match="its weights cannot be used: the features became NaN"):
        looked_at(spoilt)


# --- real photographs -----------------------------------------------------------------------


@pytest.mark.realdata
@pytest.mark.parametrize(("dataset", "channels"), [("mnist", 3), ("cifar10", 3), ("cifar10", 2)])
def test_real_images(tmp_path, data_dir, dataset, channels):
    folder = made(tmp_path, data_dir=data_dir, dataset=dataset, input_channels=channels, limit=300, epochs=1)
    found = looked_at(folder, data_dir=data_dir)
    good, bad = notes(found)
    assert bad == [] and "all 300 images are in the cluster that the run recorded" in good[1]
    split = load_training(folder.read_spec(), data_dir)
    assert (found["images"] == split.pixels[found["shown"]]).all()
    assert found["images"].shape[1:] == ((1, 32, 32) if dataset == "mnist" else (3, 32, 32))
    assert found.facts["class_names"][3] == ("3" if dataset == "mnist" else "cat")


@pytest.mark.gpu
def test_a_run_on_a_gpu(tmp_path):
    folder = made(tmp_path, device="cuda", precision="bfloat16")
    found = measuring.inspect(
        read_subject(folder.path), WorkerConfig(data_dir=tmp_path, device="cuda", gpu=list_gpus()[0].uuid), 20
    )
    assert set(found.arrays) == set(result.ARRAYS) and notes(found)[1] == []
