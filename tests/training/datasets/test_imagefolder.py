import shutil

import numpy as np
import pytest
from PIL import Image

from dcbench.core.spec import make_spec
from dcbench.errors import DataError
from dcbench.training import datasets
from dcbench.training.datasets import imagefolder


def paint(path, colour=(255, 0, 0), size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def pictures(tmp_path):
    for label, colour in (("cat", (200, 0, 0)), ("dog", (0, 200, 0))):
        for index in range(10):
            paint(tmp_path / "p" / label / f"{index}.png", (colour[0] + index, colour[1] + index, index))
    return tmp_path / "p"


def load(folder, train=True, **values):
    spec = make_spec({"dataset": f"imagefolder:{folder}", "pca_dim": 2, "k": 2} | values)
    return (datasets.load_training if train else datasets.load_test)(spec, folder.parent)


def test_without_a_test_folder_a_seeded_fifth_is_the_test_split(pictures):
    train, test = load(pictures), load(pictures, train=False)
    assert (len(train.labels), len(test.labels)) == (16, 4)
    both = {picture.tobytes() for picture in np.concatenate([train.pixels, test.pixels])}
    assert len(both) == 20, "every image is in one split"
    other = load(pictures, seed=1, train=False)
    assert other.digest() != test.digest()


@pytest.mark.parametrize("nested", [True, False])
def test_a_test_folder_is_the_test_split(pictures, nested):
    paint(pictures / "test" / "cat" / "t.png")
    paint(pictures / "test" / "dog" / "t.png")
    if nested:
        for label in ("cat", "dog"):
            (pictures / "train").mkdir(exist_ok=True)
            (pictures / label).rename(pictures / "train" / label)
    train, test = load(pictures), load(pictures, train=False)
    assert (len(train.labels), len(test.labels)) == (20, 2)
    assert train.labels.tolist() == [0] * 10 + [1] * 10 and test.labels.tolist() == [0, 1]


@pytest.mark.parametrize("held_out", ["val", "valid"])
def test_train_and_val_folders_are_splits_and_not_classes(pictures, held_out):
    for label in ("cat", "dog"):
        paint(pictures / held_out / label / "v.png")
        (pictures / "train").mkdir(exist_ok=True)
        (pictures / label).rename(pictures / "train" / label)
    train, test = load(pictures), load(pictures, train=False)
    assert train.labels.tolist() == [0] * 10 + [1] * 10 and test.labels.tolist() == [0, 1]
    shutil.rmtree(pictures / held_out)
    assert sorted(load(pictures).labels.tolist() + load(pictures, train=False).labels.tolist()) == [0] * 10 + [1] * 10


def test_class_names_are_the_names_of_the_folders(pictures):
    spec = make_spec({"dataset": f"imagefolder:{pictures}"})
    assert imagefolder.class_names(pictures.parent, spec) == ["cat", "dog"]
    (pictures / "train").mkdir()
    for label in ("cat", "dog"):
        (pictures / label).rename(pictures / "train" / f"my {label}")
    assert imagefolder.class_names(pictures.parent, spec) == ["my cat", "my dog"]


def test_grey_transparent_and_non_square_images_become_square_colour_images(pictures):
    Image.new("L", (100, 20), 7).save(pictures / "cat" / "grey.png")
    Image.new("RGBA", (20, 100), (1, 2, 3, 4)).save(pictures / "dog" / "alpha.png")
    assert load(pictures, image_size=24).pixels.shape[1:] == (3, 24, 24)


def test_images_are_decoded_once_and_shared(pictures, monkeypatch):
    first = load(pictures)
    monkeypatch.setattr(imagefolder, "_decode_into", lambda *_: pytest.fail("decoded again"))
    assert (load(pictures).pixels == first.pixels).all()
    assert len(load(pictures, train=False).labels) == 4, "the other split is in the same file"
    load(pictures, seed=5)


def test_with_a_test_folder_the_images_stay_memory_mapped(pictures):
    for label in ("cat", "dog"):
        paint(pictures / "test" / label / "t.png")
    assert isinstance(load(pictures).pixels, np.memmap)


def test_a_changed_image_is_decoded_again(pictures):
    before = load(pictures).pixels.copy()
    for path in (pictures / "cat").iterdir():
        paint(path, (9, 9, 9), size=(41, 30))
    assert (load(pictures).pixels != before).any()


def test_unreadable_images_are_named_and_nothing_is_cached(pictures):
    (pictures / "dog" / "3.png").write_bytes(b"not a picture")
    (pictures / "cat" / "half.png").write_bytes((pictures / "cat" / "1.png").read_bytes()[:60])
    damaged = pictures / "dog" / "damaged.png"
    Image.effect_noise((300, 300), 90).convert("RGB").save(damaged)
    raw = bytearray(damaged.read_bytes())
    second = raw.index(b"IDAT", raw.index(b"IDAT") + 4)
    raw[second : second + 4] = b"\x01\x02\x03\x04"
    damaged.write_bytes(raw)
    (pictures / "test").mkdir()
    shutil.copytree(pictures / "cat", pictures / "test" / "cat", ignore=shutil.ignore_patterns("half*"))
    shutil.copytree(pictures / "dog", pictures / "test" / "dog", ignore=shutil.ignore_patterns("3*", "damaged*"))
    with pytest.raises(DataError, match="unreadable images") as caught:
        load(pictures)
    for expected in ("3.png", "half.png", "damaged.png", "Remove or replace"):
        assert expected in str(caught.value)
    assert not list(pictures.parent.glob("decoded/*.npy")) and not list(pictures.parent.glob("decoded/*.part"))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda folder: shutil.rmtree(folder / "dog"), "has only one, 'cat'"),
        (lambda folder: [shutil.rmtree(folder / label) for label in ("cat", "dog")], "has none"),
        (lambda folder: [path.unlink() for path in (folder / "dog").iterdir()], "dog: holds no image"),
        (shutil.rmtree, "is not a folder"),
    ],
)
def test_unsuitable_folders_are_refused_with_the_reason(pictures, damage, expected):
    damage(pictures)
    with pytest.raises(DataError, match=expected):
        load(pictures)


def test_k_larger_than_the_training_images_is_an_error_at_the_start(pictures):
    with pytest.raises(DataError, match="k 17 is more than the 16 training images"):
        load(pictures, k=17)


def test_a_relative_path_is_relative_to_the_data_folder(pictures):
    spec = make_spec({"dataset": "imagefolder:p", "pca_dim": 2, "k": 2})
    assert len(datasets.load_training(spec, pictures.parent).labels) == 16


def test_a_class_may_be_named_val(pictures):
    (pictures / "train").mkdir()
    (pictures / "cat").rename(pictures / "train" / "val")
    (pictures / "dog").rename(pictures / "train" / "test")
    assert sorted(set(load(pictures).labels)) == [0, 1]


def test_a_cache_folder_that_cannot_be_written_is_an_error(pictures, tmp_path):
    (tmp_path / "file").write_text("")
    spec = make_spec({"dataset": f"imagefolder:{pictures}", "pca_dim": 2, "k": 2})
    with pytest.raises(DataError, match=r"decoded: .*--data-dir"):
        datasets.load_training(spec, tmp_path / "file")
