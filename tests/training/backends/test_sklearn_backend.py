import torch

from dcbench.training.backends import sklearn_backend


def test_the_eigenproblem_is_solved_in_float64(monkeypatch):
    dtypes = []
    original = sklearn_backend.PCA.fit
    monkeypatch.setattr(
        sklearn_backend.PCA, "fit", lambda self, data: dtypes.append(data.dtype) or original(self, data)
    )
    sklearn_backend.fit_pca(torch.randn(30, 4), 2)
    sklearn_backend.fit_whitening(torch.randn(30, 4))
    assert [str(dtype) for dtype in dtypes] == ["float64", "float64"]


def test_the_number_of_split_clusters_is_unknown():
    points = torch.randn(50, 2)
    assert sklearn_backend.kmeans(points, points[:3].clone(), 5).split_count is None
