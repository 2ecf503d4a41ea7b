import torch

from dcbench.training.deepcluster import clock
from dcbench.training.deepcluster.clock import StageClock


def test_stages_add_up_until_they_are_taken(monkeypatch):
    ticks = iter([0.0, 1.0, 5.0, 7.5, 10.0, 10.25])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(ticks))
    watch = StageClock(torch.device("cpu"))
    for name in ("pca", "train", "pca"):
        with watch.stage(name):
            pass
    assert watch.take() == {"pca": 1.25, "train": 2.5}
    assert watch.take() == {}
