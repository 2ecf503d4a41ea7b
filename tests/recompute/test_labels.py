"""Labels and images are compared with the dataset itself where it is at hand."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from dcbench.core.spec import RunSpec, make_spec
from dcbench.core.store.run_record import read_rows
from dcbench.recompute.labels import IMAGE_FIELDS, read_true_labels
from dcbench.recompute.stored_predictions import read_stored_predictions


@pytest.fixture
def stored(run):
    return read_stored_predictions(run.folder, run.spec, read_rows(run.folder))


def test_the_labels_of_a_run_are_those_of_the_dataset(run, stored, tmp_path):
    labels = read_true_labels(run.spec, tmp_path)
    assert labels.find_problems(stored) == [] and labels.not_read == ""
    digits = load_digits().target  # the positions of digits are those of the whole collection
    for name in ("training", "test"):
        indices, true = labels.splits[name]
        assert np.array_equal(digits[indices], true)


def test_a_wrong_label_is_a_problem(run, stored, tmp_path):
    labels = stored.labels.copy()
    labels[:3] = (labels[:3] + 1) % 10
    problems = read_true_labels(run.spec, tmp_path).find_problems(replace(stored, labels=labels))
    assert problems == ["3 of 90 training labels are not those of digits"]


def test_other_images_than_those_of_the_spec_are_a_problem(run, stored, tmp_path):
    indices = stored.test_indices.copy()
    indices[0] += 1
    problems = read_true_labels(run.spec, tmp_path).find_problems(replace(stored, test_indices=indices))
    assert problems == ["the test images are not those that the spec chooses from digits"]


@pytest.mark.parametrize("field", IMAGE_FIELDS)
def test_a_field_that_chooses_images_is_a_field_of_the_spec(field):
    assert field in RunSpec.model_fields


def test_a_dataset_that_is_not_there_is_not_read_and_nothing_is_downloaded(stored, tmp_path):
    labels = read_true_labels(make_spec({"dataset": "mnist", "limit": 90}), tmp_path / "data")
    assert labels.find_problems(stored) == []
    assert labels.not_read == f"mnist is not in {tmp_path / 'data'}; name its folder with --data-dir"
    assert not (tmp_path / "data").exists()


def test_a_folder_of_images_that_is_gone_is_not_read(tmp_path):
    labels = read_true_labels(make_spec({"dataset": f"imagefolder:{tmp_path / 'gone'}"}), tmp_path)
    assert labels.splits == {} and "gone" in labels.not_read


@pytest.mark.realdata
def test_a_damaged_dataset_is_not_read(tmp_path, data_dir):
    shutil.copytree(data_dir / "MNIST", tmp_path / "MNIST")
    for path in (tmp_path / "MNIST").rglob("train-images*"):
        os.truncate(path, 1000)
    labels = read_true_labels(make_spec({"dataset": "mnist", "limit": 90}), tmp_path)
    assert labels.splits == {} and "cannot be read" in labels.not_read
