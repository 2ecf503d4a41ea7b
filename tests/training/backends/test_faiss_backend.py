import faiss
import torch

from dcbench.training.backends import faiss_backend


def test_whitening_is_fitted_on_all_images_and_not_on_a_sample(monkeypatch):
    trained_on = []
    original = faiss.PCAMatrix.train

    def spy(self, data):
        trained_on.append((len(data), self.max_points_per_d * self.d_in))
        original(self, data)

    monkeypatch.setattr(faiss.PCAMatrix, "train", spy)
    faiss_backend.fit_whitening(torch.randn(5000, 2))
    assert trained_on[0][0] == 5000 and trained_on[0][1] >= 5000


def test_cluster_splits_during_kmeans_are_counted():
    points = torch.cat([torch.randn(50, 2), torch.randn(50, 2) + 20])
    assert faiss_backend.kmeans(points, points[:1].repeat(4, 1), 5).split_count > 0
    assert faiss_backend.kmeans(points, points[[0, 99]], 5).split_count == 0
