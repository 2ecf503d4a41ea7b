import torch

from dcbench.training.backends import sklearn_backend


def test_the_eigenproblem_is_solved_in_float64(monkeypatch):
    seen = []
    original = sklearn_backend.PCA.fit
    monkeypatch.setattr(sklearn_backend.PCA, "fit", lambda self, data: seen.append(data.dtype) or original(self, data))
    sklearn_backend.fit_pca(torch.randn(30, 4), 2)
    sklearn_backend.fit_whitening(torch.randn(30, 4))
    assert [str(dtype) for dtype in seen] == ["float64", "float64"]


def test_what_it_moved_it_does_not_say():
    points = torch.randn(50, 2)
    assert sklearn_backend.kmeans(points, points[:3].clone(), 5).split_count is None
