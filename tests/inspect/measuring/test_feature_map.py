import numpy as np
import pytest
import torch

from dcbench.inspect.measuring import feature_map


def groups(count, size=25):
    """Far groups of points `(count * size, 6)`, and the group of each."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(count), size)
    return torch.from_numpy((rng.normal(size=(count, 6)) * 20)[of] + rng.normal(size=(len(of), 6))).float(), of


def test_neighbours_stay_neighbours_and_the_seed_decides():
    points, of = groups(3)
    result = feature_map.map_features(points, seed=4)
    assert result["map_positions"].tolist() == list(range(75)) and result["map"].shape == (75, 2)
    distances = np.linalg.norm(result["map"][:, None] - result["map"][None], axis=2) + np.eye(75) * 1e9
    assert (of[distances.argmin(axis=1)] == of).all() and result["trustworthiness"] > 0.9
    assert (feature_map.map_features(points, seed=4)["map"] == result["map"]).all() and result["map_different"] == 75
    assert feature_map.map_features(torch.cat([points, points[:5]]), seed=4)["map_different"] == 75


def test_of_many_images_a_seeded_part_is_mapped(monkeypatch):
    monkeypatch.setattr(feature_map, "MAX_IMAGES", 40)
    points, _ = groups(3)
    chosen = feature_map.map_features(points, seed=0)["map_positions"]
    assert len(set(chosen)) == 40 and (np.diff(chosen) > 0).all() and chosen.max() < 75
    assert (feature_map.map_features(points, seed=0)["map_positions"] == chosen).all()
    assert (feature_map.map_features(points, seed=1)["map_positions"] != chosen).any()


@pytest.mark.parametrize("different", [1, 3])
def test_features_that_are_all_the_same_are_no_map(different):
    points = torch.eye(6)[torch.arange(60) % different]
    assert feature_map.map_features(points, seed=0) == (
        f"the features of 60 images are only {different} different points: there is nothing to map"
    )


@pytest.mark.parametrize("shape", [(4, 3), (6, 1), (30, 2)])
def test_few_images_and_few_dimensions(shape):
    points = torch.from_numpy(np.random.default_rng(0).normal(size=shape)).float()
    assert np.isfinite(feature_map.map_features(points, seed=0)["map"]).all()
