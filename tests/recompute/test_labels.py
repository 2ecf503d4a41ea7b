"""Labels and images are compared with the dataset itself where it is at hand."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from dcbench.core.spec import make_spec
from dcbench.core.store.run_record import read_rows
from dcbench.recompute.labels import check_labels
from dcbench.recompute.stored_predictions import read_stored_predictions


@pytest.fixture
def stored(run):
    return read_stored_predictions(run.folder, run.spec, read_rows(run.folder))


def test_the_labels_of_a_run_are_those_of_the_dataset(run, stored, tmp_path):
    check = check_labels(stored, run.spec, tmp_path)
    assert check.problems == () and check.not_checked == ""
    digits = load_digits().target  # the positions of digits are those of the whole collection
    assert np.array_equal(digits[stored.indices], stored.labels)
    assert np.array_equal(digits[stored.test_indices], stored.test_labels)


def test_a_wrong_label_is_a_problem(run, stored, tmp_path):
    labels = stored.labels.copy()
    labels[:3] = (labels[:3] + 1) % 10
    check = check_labels(replace(stored, labels=labels), run.spec, tmp_path)
    assert check.problems == ("3 of 90 training labels are not those of digits",)


def test_other_images_than_those_of_the_spec_are_a_problem(run, stored, tmp_path):
    indices = stored.test_indices.copy()
    indices[0] += 1
    check = check_labels(replace(stored, test_indices=indices), run.spec, tmp_path)
    assert check.problems == ("the test images are not those that the spec chooses from digits",)


def test_a_dataset_that_is_not_there_is_not_checked_and_nothing_is_downloaded(stored, tmp_path):
    check = check_labels(stored, make_spec({"dataset": "mnist", "limit": 90}), tmp_path)
    assert check.problems == () and f"mnist is not in {tmp_path}; name its folder with --data-dir" in check.not_checked
    assert not any((tmp_path / name).exists() for name in ("MNIST", "mnist"))


def test_a_folder_of_images_that_is_gone_is_not_checked(stored, tmp_path):
    check = check_labels(stored, make_spec({"dataset": f"imagefolder:{tmp_path / 'gone'}"}), tmp_path)
    assert check.problems == () and "gone" in check.not_checked


@pytest.mark.realdata
def test_a_damaged_dataset_is_not_checked(stored, tmp_path, data_dir):
    shutil.copytree(data_dir / "MNIST", tmp_path / "MNIST")
    for path in (tmp_path / "MNIST").rglob("train-images*"):
        os.truncate(path, 1000)
    check = check_labels(stored, make_spec({"dataset": "mnist", "limit": 90}), tmp_path)
    assert check.problems == () and "cannot be read" in check.not_checked
