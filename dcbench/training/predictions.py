"""Keep the predictions of a run's rows, from which its scores can be computed again without the network.

assignments.npz holds them as one array `(rows, images)` for each ruler and split, with the epochs of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dcbench.training.metrics import NOT_PREDICTED, IntArray, Predictions

MOST_NUMBERS = 2**27
"""A run of more predictions keeps those of its first and its last row only. 50,000 training and 10,000 test images come
to 0.3 million in a row, and so to 400 rows."""


class PredictionRecord:
    """The predictions of every row, or of the first and the last one where a run is large."""

    def __init__(self, epochs: int, stacked: Mapping[str, IntArray] | None = None) -> None:
        """Begin the record of a run of so many epochs, or continue the one that `stack` gave."""
        self._planned = epochs + 1
        self._rows: dict[int, Predictions] = {}
        if stacked:
            arrays = dict(stacked)
            for position, epoch in enumerate(arrays.pop("epochs").tolist()):
                self._rows[epoch] = {name: array[position] for name, array in arrays.items()}

    def add(self, epoch: int, predictions: Predictions) -> None:
        """Add the predictions of a row."""
        small = {name: array.astype(_smallest_type(array)) for name, array in predictions.items()}
        is_large = self._planned * sum(map(len, small.values())) > MOST_NUMBERS
        if is_large and len(self._rows) > 1:
            self._rows.popitem()
        self._rows[epoch] = small

    def stack(self) -> dict[str, IntArray]:
        """Return the array `(rows, images)` of each ruler and split, and the epochs `(rows,)`.

        A row without a prediction, as of the head before training, has NOT_PREDICTED for every image.
        """
        rows = list(self._rows.values())
        stacked: dict[str, IntArray] = {"epochs": np.array(list(self._rows), dtype=np.int64)}
        for name in dict.fromkeys(name for row in rows for name in row):
            size = next(len(row[name]) for row in rows if name in row)
            nothing = np.full(size, NOT_PREDICTED, dtype=np.int8)
            stacked[name] = np.stack([row.get(name, nothing) for row in rows])
        return stacked


def _smallest_type(array: IntArray) -> np.dtype[np.signedinteger]:
    """Return the smallest signed type that holds the clusters or classes."""
    largest = int(array.max(initial=0))
    return next(np.dtype(kind) for kind in (np.int8, np.int16, np.int32, np.int64) if largest <= np.iinfo(kind).max)
