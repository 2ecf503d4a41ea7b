import torch

from dcbench.training import costs
from dcbench.training.costs import StageClock


def test_stage_times_accumulate_until_they_are_taken(monkeypatch):
    ticks = iter([0.0, 1.0, 5.0, 7.5, 10.0, 10.25])
    monkeypatch.setattr(costs.time, "perf_counter", lambda: next(ticks))
    clock = StageClock(torch.device("cpu"))
    for name in ("pca", "train", "pca"):
        with clock.stage(name):
            pass
    assert clock.take() == {"pca": 1.25, "train": 2.5}
    assert clock.take() == {}
