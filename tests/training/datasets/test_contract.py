"""Every dataset keeps the contract: on real files where they are available, else on small files in their format."""

import os
import shutil

import numpy as np
import pytest
import torch
import torchvision.datasets

from dcbench import registry
from dcbench.core.spec import make_spec
from dcbench.errors import DataError
from dcbench.training import datasets
from dcbench.training.deepcluster import images
from dcbench.training.deepcluster.network import InputChannels
from tests.helpers.official_files import TORCHVISION, provide


def spec_of(name: str, **values):
    return make_spec({"dataset": f"{name}:pictures" if name == "imagefolder" else name, "pca_dim": 4, "k": 2} | values)


DATASETS = registry.plugin_names("datasets")


def test_there_are_datasets():
    assert {"digits", *TORCHVISION, "cifar10", "cifar100", "svhn", "stl10", "imagefolder"} <= set(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_both_splits_agree_with_the_facts_and_share_no_image(name, tmp_path, monkeypatch):
    made = provide(name, tmp_path, monkeypatch)
    facts, spec = registry.facts("datasets", name), spec_of(name, image_size=40)
    train, test = datasets.load_training(spec, tmp_path), datasets.load_test(spec, tmp_path)
    for split in (train, test):
        assert split.pixels.dtype == np.uint8 and split.labels.dtype == np.int64
        assert split.pixels.shape[1] == facts["channels"]
        assert split.pixels.shape[2:] == (facts.get("side", 40),) * 2
        assert len(split.pixels) == len(split.labels) > 0
        assert split.labels.min() >= 0 and split.labels.max() < facts.get("classes", 2)
    if made is not None:
        assert (train.pixels == made[True]).all() and (test.pixels == made[False]).all()
    assert train.digest() != test.digest()
    train_images = {picture.tobytes() for picture in train.pixels}
    assert not [1 for picture in test.pixels if picture.tobytes() in train_images]


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_dataset_serves_all_input_channels(name, channels, tmp_path, monkeypatch):
    provide(name, tmp_path, monkeypatch)
    split = datasets.load_training(spec_of(name), tmp_path)
    batch = images.make_training_images(torch.from_numpy(split.pixels), 32, torch.device("cpu")).plain(torch.arange(2))
    assert InputChannels(channels)(batch).shape == (2, channels, 32, 32)


@pytest.mark.parametrize("name", [dataset for dataset in DATASETS if registry.facts("datasets", dataset).get("files")])
def test_an_error_about_missing_files_names_them_and_the_remedy(name, tmp_path):
    with pytest.raises(DataError) as caught:
        datasets.load_training(spec_of(name), tmp_path)
    for expected in (name, str(tmp_path), registry.facts("datasets", name)["files"][0], "--data-dir"):
        assert expected in str(caught.value)


@pytest.mark.parametrize("name", [dataset for dataset in DATASETS if registry.facts("datasets", dataset).get("files")])
def test_an_error_about_a_truncated_file_names_it_and_the_remedy(name, tmp_path, monkeypatch):
    provide(name, tmp_path, monkeypatch)
    path = tmp_path / registry.facts("datasets", name)["files"][0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="incomplete") as caught:
        datasets.load_training(spec_of(name), tmp_path)
    assert path.name in str(caught.value) and "Delete that file" in str(caught.value)


@pytest.mark.parametrize("name", [dataset for dataset in DATASETS if registry.facts("datasets", dataset).get("files")])
def test_a_download_calls_torchvision_with_the_data_folder(name, tmp_path, monkeypatch):
    dataset = registry.load("datasets", name)
    kind = next(value for value in vars(torchvision.datasets).values() if getattr(value, "__name__", "").lower()
                == name.replace("_", ""))  # fmt: skip
    calls = []
    monkeypatch.setattr(torchvision.datasets, kind.__name__, lambda *args, **options: calls.append((args, options)))
    dataset.download(tmp_path)
    assert calls and all(args[0] == tmp_path and options["download"] for args, options in calls)


@pytest.mark.parametrize("name", [name for name in DATASETS if "class_names" in registry.facts("datasets", name)])
def test_every_class_has_a_name(name):
    facts = registry.facts("datasets", name)
    assert len(facts["class_names"]) == len(set(facts["class_names"])) == facts["classes"]


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist"])
def test_class_names_agree_with_torchvision(name):
    official = getattr(torchvision.datasets, TORCHVISION[name]).classes
    assert registry.facts("datasets", name)["class_names"] == official


@pytest.mark.realdata
def test_the_class_names_of_cifar10_agree_with_the_official_files(data_dir):
    official = torchvision.datasets.CIFAR10(data_dir).classes
    assert registry.facts("datasets", "cifar10")["class_names"] == official


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_official_files_match_the_facts(name, data_dir):
    facts = registry.facts("datasets", name)
    for train, count in ((True, facts["train"]), (False, facts["test"])):
        load = datasets.load_training if train else datasets.load_test
        split = load(spec_of(name), data_dir)
        assert len(split.labels) == count
        assert sorted(set(split.labels)) == list(range(facts["classes"]))
        assert split.pixels.shape[1:] == (facts["channels"], 32, 32)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["MNIST/raw/train-images-idx3-ubyte", "cifar-10-batches-py/data_batch_3"])
def test_a_truncated_official_file_is_reported_with_its_size(name, data_dir, tmp_path):
    top = name.split("/")[0]
    shutil.copytree(data_dir / top, tmp_path / top)
    os.truncate(tmp_path / name, 1_000_000)
    dataset = "mnist" if top == "MNIST" else "cifar10"
    with pytest.raises(DataError, match=r"incomplete: .*1,000,000 bytes"):
        datasets.load_training(spec_of(dataset), tmp_path)
