import pytest

from dcbench.core.matrix.validate import count_features, count_training_images, find_spec_problems
from dcbench.core.spec import make_spec


def messages_of(values, available=None):
    return [problem.message for problem in find_spec_problems(make_spec({"pca_dim": 8} | values), available)]


def test_a_valid_spec_has_no_problems():
    assert messages_of({}) == []


def test_image_folders_are_checked_once_their_images_are_counted():
    folder = {"dataset": "imagefolder:x", "k": 50}
    assert messages_of(folder) == []
    assert messages_of(folder, available=20) == ["k 50 is more than the 20 training images"]
    assert messages_of(folder | {"limit": 30, "k": 5}, available=20) == [
        "limit 30 is more than the 20 training images of imagefolder:x"
    ]


@pytest.mark.parametrize(
    ("values", "size"),
    [({}, 1024), ({"width": 0.25}, 1024), ({"image_size": 224}, 4096), ({"image_size": 224, "width": 0.5}, 2048)],
)
def test_the_feature_size_follows_geometry_and_width(values, size):
    assert count_features(make_spec(values)) == size


def test_training_images_are_counted_from_limit_and_dataset():
    assert count_training_images(make_spec({})) == 1438
    assert count_training_images(make_spec({"limit": 5})) == 5
    assert count_training_images(make_spec({"dataset": "imagefolder:x"})) is None
    assert count_training_images(make_spec({"dataset": "imagefolder:x"}), available=7) == 7


def test_problems_name_the_most_specific_field_first():
    assert [problem.fields[0] for problem in find_spec_problems(make_spec({"limit": 100}))] == ["pca_dim"]
