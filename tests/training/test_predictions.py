"""The record of a run's predictions: all rows of it, or the first and the last."""

import numpy as np

from dcbench.training import predictions
from dcbench.training.predictions import PredictionRecord

ROWS = [{"own": np.full(5, epoch), "test_own": np.arange(3) + epoch} for epoch in range(4)]


def fill(record, epochs=range(4)):
    for epoch in epochs:
        record.add(epoch, ROWS[epoch])
    return record


def test_every_row_is_kept_in_small_numbers():
    stacked = fill(PredictionRecord(3)).stack()
    assert stacked["epochs"].tolist() == [0, 1, 2, 3]
    assert np.array_equal(stacked["own"], np.stack([row["own"] for row in ROWS]))
    assert np.array_equal(stacked["test_own"], np.stack([row["test_own"] for row in ROWS]))
    assert stacked["own"].dtype == np.int8


def test_large_numbers_keep_their_values():
    record = PredictionRecord(1)
    record.add(0, {"own": np.array([0, 127])})
    record.add(1, {"own": np.array([0, 128])})
    assert record.stack()["own"].tolist() == [[0, 127], [0, 128]]


def test_a_large_run_keeps_its_first_and_its_last_row(monkeypatch):
    monkeypatch.setattr(predictions, "MOST_NUMBERS", 4 * (5 + 3))
    assert fill(PredictionRecord(3)).stack()["epochs"].tolist() == [0, 1, 2, 3]
    monkeypatch.setattr(predictions, "MOST_NUMBERS", 4 * (5 + 3) - 1)
    stacked = fill(PredictionRecord(3)).stack()
    assert stacked["epochs"].tolist() == [0, 3] and stacked["own"].tolist() == [[0] * 5, [3] * 5]


def test_a_row_without_a_prediction_has_no_class():
    record = PredictionRecord(1)
    record.add(0, {"own": np.zeros(2, int)})
    record.add(1, {"own": np.ones(2, int), "test_head": np.array([3, 4, 5])})
    assert record.stack()["test_head"].tolist() == [[-1, -1, -1], [3, 4, 5]]


def test_a_record_continues_from_what_it_stacked():
    first = fill(PredictionRecord(3), range(2)).stack()
    resumed = fill(PredictionRecord(3, first), range(2, 4)).stack()
    whole = fill(PredictionRecord(3)).stack()
    assert resumed.keys() == whole.keys() and all(np.array_equal(resumed[name], whole[name]) for name in whole)
