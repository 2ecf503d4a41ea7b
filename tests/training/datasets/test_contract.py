"""Every dataset keeps the contract, on real files where they can be had and on small official ones elsewhere."""

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


PARTS = registry.plugin_names("datasets")


def test_there_are_datasets():
    assert {"digits", *TORCHVISION, "cifar10", "cifar100", "svhn", "stl10", "imagefolder"} <= set(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_both_splits_come_as_the_facts_say_and_stay_apart(name, tmp_path, monkeypatch):
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


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_dataset_serves_all_input_channels(name, channels, tmp_path, monkeypatch):
    provide(name, tmp_path, monkeypatch)
    split = datasets.load_training(spec_of(name), tmp_path)
    batch = images.make_training_images(torch.from_numpy(split.pixels), 32, torch.device("cpu")).plain(torch.arange(2))
    assert InputChannels(channels)(batch).shape == (2, channels, 32, 32)


@pytest.mark.parametrize("name", [part for part in PARTS if registry.facts("datasets", part).get("files")])
def test_missing_files_are_named_with_a_way_out(name, tmp_path):
    with pytest.raises(DataError) as caught:
        datasets.load_training(spec_of(name), tmp_path)
    for expected in (name, str(tmp_path), registry.facts("datasets", name)["files"][0], "--data-dir"):
        assert expected in str(caught.value)


@pytest.mark.parametrize("name", [part for part in PARTS if registry.facts("datasets", part).get("files")])
def test_a_truncated_file_is_named_with_a_way_out(name, tmp_path, monkeypatch):
    provide(name, tmp_path, monkeypatch)
    path = tmp_path / registry.facts("datasets", name)["files"][0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="incomplete") as caught:
        datasets.load_training(spec_of(name), tmp_path)
    assert path.name in str(caught.value) and "Delete that file" in str(caught.value)


@pytest.mark.parametrize("name", [part for part in PARTS if registry.facts("datasets", part).get("files")])
def test_a_download_asks_torchvision_for_both_splits(name, tmp_path, monkeypatch):
    part = registry.load("datasets", name)
    kind = next(value for value in vars(torchvision.datasets).values() if getattr(value, "__name__", "").lower()
                == name.replace("_", ""))  # fmt: skip
    calls = []
    monkeypatch.setattr(torchvision.datasets, kind.__name__, lambda *args, **options: calls.append((args, options)))
    part.download(tmp_path)
    assert calls and all(args[0] == tmp_path and options["download"] for args, options in calls)


@pytest.mark.parametrize("name", [part for part in PARTS if "class_names" in registry.facts("datasets", part)])
def test_class_names_are_torchvisions(name):
    facts = registry.facts("datasets", name)
    kind = next(value for value in vars(torchvision.datasets).values() if getattr(value, "__name__", "").lower()
                == name.replace("_", ""))  # fmt: skip
    assert len(facts["class_names"]) == facts["classes"]
    assert facts["class_names"] == list(getattr(kind, "classes", facts["class_names"]))


@pytest.mark.realdata
def test_the_class_names_of_cifar10_are_those_of_its_files(data_dir):
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
def test_a_truncated_official_file(name, data_dir, tmp_path):
    top = name.split("/")[0]
    shutil.copytree(data_dir / top, tmp_path / top)
    os.truncate(tmp_path / name, 1_000_000)
    dataset = "mnist" if top == "MNIST" else "cifar10"
    with pytest.raises(DataError, match=r"incomplete: .*1,000,000 bytes"):
        datasets.load_training(spec_of(dataset), tmp_path)
