import numpy as np
import pytest
import torch

from dcbench.inspect.measuring import feature_map


def make_groups(count, size=25):
    """Return distant groups of points `(count * size, 6)`, and the group of each point."""
    rng = np.random.default_rng(0)
    group_of = np.repeat(np.arange(count), size)
    return torch.from_numpy(
        (rng.normal(size=(count, 6)) * 20)[group_of] + rng.normal(size=(len(group_of), 6))
    ).float(), group_of


def test_the_map_keeps_neighbours_and_depends_on_the_seed():
    points, group_of = make_groups(3)
    result = feature_map.map_features(points, seed=4)
    assert result["map_positions"].tolist() == list(range(75)) and result["map"].shape == (75, 2)
    distances = np.linalg.norm(result["map"][:, None] - result["map"][None], axis=2) + np.eye(75) * 1e9
    assert (group_of[distances.argmin(axis=1)] == group_of).all() and result["trustworthiness"] > 0.9
    assert (feature_map.map_features(points, seed=4)["map"] == result["map"]).all() and result["map_different"] == 75
    assert feature_map.map_features(torch.cat([points, points[:5]]), seed=4)["map_different"] == 75


def test_of_many_images_a_seeded_subset_is_mapped(monkeypatch):
    monkeypatch.setattr(feature_map, "MAX_IMAGES", 40)
    points, _ = make_groups(3)
    chosen = feature_map.map_features(points, seed=0)["map_positions"]
    assert len(set(chosen)) == 40 and (np.diff(chosen) > 0).all() and chosen.max() < 75
    assert (feature_map.map_features(points, seed=0)["map_positions"] == chosen).all()
    assert (feature_map.map_features(points, seed=1)["map_positions"] != chosen).any()


@pytest.mark.parametrize("different", [1, 3])
def test_equal_features_have_no_map(different):
    points = torch.eye(6)[torch.arange(60) % different]
    assert feature_map.map_features(points, seed=0) == (
        f"the features of 60 images are only {different} different points: there is nothing to map"
    )


@pytest.mark.parametrize("shape", [(4, 3), (6, 1), (30, 2)])
def test_few_images_or_dimensions_can_be_mapped(shape):
    points = torch.from_numpy(np.random.default_rng(0).normal(size=shape)).float()
    assert np.isfinite(feature_map.map_features(points, seed=0)["map"]).all()
