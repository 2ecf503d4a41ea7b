import torch

from dcbench.training.backends import torch_backend


def test_each_empty_cluster_takes_one_of_the_farthest_points():
    points = torch.tensor([[0.0], [0.1], [0.2], [9.0], [-7.0]])
    result = torch_backend.kmeans(points, points[[0, 0, 0]].clone(), 10)
    assert result.split_count == 2
    assert sorted(result.assignment.bincount().tolist()) == [1, 1, 3]


def test_kmeans_stops_when_nothing_moves():
    points = torch.cat([torch.zeros(5, 1), torch.ones(5, 1)])
    result = torch_backend.kmeans(points, torch.tensor([[0.1], [0.9]]), 10**9)
    assert result.centroids.flatten().tolist() == [0, 1]
