"""Read the predictions of a run, and check that they can be what the run was scored by.

assignments.npz may come from anywhere, so everything that the scores rely on is checked: names, shapes and ranges.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dcbench.core.columns import COLUMNS, OWN_SPACE, SPACES, TEST_PREFIX
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import Row
from dcbench.training.metrics import NOT_PREDICTED, IntArray, Predictions

OWN = OWN_SPACE.key

OWN_COLUMNS = ("nmi_previous", "active_clusters", "largest_cluster_share", "cluster_entropy")
"""Columns that follow from the run's own clustering without the true labels."""


def _name_array(column: str) -> str | None:
    """Return the array of assignments.npz that a column of metrics.csv follows from; None if it follows from none."""
    if space := COLUMNS[column].space:
        return space.key
    if column in OWN_COLUMNS:
        return OWN
    # The classes that a classifier predicts for the test images.
    is_accuracy = column.startswith(TEST_PREFIX) and column.endswith("_accuracy")
    return column.removesuffix("_accuracy") if is_accuracy else None


ARRAYS = {column: array for column in COLUMNS if (array := _name_array(column))}
"""Column of metrics.csv -> array of assignments.npz that it follows from."""

UNRECOMPUTABLE = tuple(
    name for name, column in COLUMNS.items() if name not in ARRAYS and not column.cost and name != "epoch"
)
"""Columns that do not follow from predictions, apart from what the run cost."""

IMAGE_ARRAYS = ("labels", "indices", "assignment", "test_labels", "test_indices")
"""Arrays of one number for each image."""


@dataclass(frozen=True, kw_only=True)
class StoredPredictions:
    """The predictions of a run, checked.

    Attributes:
        epochs: The epochs of the rows.
        rows: Ruler and split -> the clusters or classes `(rows, images)`.
        labels: The true labels `(n,)` of the training images.
        indices: The positions `(n,)` of the training images in the dataset.
        assignment: The last clusters `(n,)` of the training images.
        test_labels: The true labels `(m,)` of the test images.
        test_indices: The positions `(m,)` of the test images in the dataset.
    """

    epochs: list[int]
    rows: Mapping[str, npt.NDArray[np.integer[Any]]]
    labels: IntArray
    indices: IntArray
    assignment: IntArray
    test_labels: IntArray
    test_indices: IntArray

    def select_row(self, position: int) -> Predictions:
        """Return what a row was scored by; a classifier that predicted nothing is left out."""
        row = {name: array[position].astype(np.int64) for name, array in self.rows.items()}
        return {name: array for name, array in row.items() if (array != NOT_PREDICTED).any()}


def read_stored_predictions(folder: RunDir, spec: RunSpec, rows: Sequence[Row]) -> StoredPredictions | None:
    """Return the predictions of a run whose metrics.csv has these rows.

    Returns None without the file, and raises ResultsError if it cannot be the file of this run.
    """
    arrays = folder.read_predictions()
    if arrays is None:
        return None
    # The checks rely on those before them, so only the first problem is told.
    for problem in _find_problems(arrays, spec, rows):
        raise folder.make_assignments_error(problem)
    return StoredPredictions(
        epochs=arrays["epochs"].tolist(),
        rows={name: arrays[name] for name in dict.fromkeys(ARRAYS.values()) if name in arrays},
        **{name: arrays[name].astype(np.int64) for name in IMAGE_ARRAYS},
    )


def _find_problems(arrays: Mapping[str, Any], spec: RunSpec, rows: Sequence[Row]) -> Iterator[str]:
    """Yield what is wrong with the arrays."""
    if "epochs" not in arrays and "assignment" in arrays:
        yield "holds the clusters of the last row only, because it was written by an older version of dcbench"
    for name in ("epochs", OWN, *IMAGE_ARRAYS):
        if name not in arrays:
            yield f"has no array {name!r}"
    for column, name in ARRAYS.items():
        if name not in arrays and any(row.get(column) for row in rows):
            yield f"has no array {name!r}, from which {column} of metrics.csv was computed"
    for space in SPACES:
        if space.key in arrays and space.training_key not in (None, *arrays):
            yield f"has an array {space.key!r} without an array {space.training_key!r}"
    yield from _find_wrong_shapes(arrays, spec)
    epochs, last = arrays["epochs"].tolist(), len(rows) - 1
    if epochs != sorted(set(epochs)) or epochs[0] != 0 or epochs[-1] != last:
        yield f"has other rows than metrics.csv, which has the epochs 0 to {last}"
    yield from _find_wrong_numbers(arrays, spec)


def _find_wrong_shapes(arrays: Mapping[str, Any], spec: RunSpec) -> Iterator[str]:
    counts = {}
    for split, limit in (("", spec.limit), (TEST_PREFIX, spec.test_limit)):
        labels = arrays[f"{split}labels"]
        counts[split] = limit or labels.size
        if labels.shape != (counts[split],) or not labels.size:
            yield f"array '{split}labels' is of shape {labels.shape}, not {(counts[split],)}"
    row_count = arrays["epochs"].size
    if arrays["epochs"].shape != (row_count,) or not row_count:
        yield f"array 'epochs' is of shape {arrays['epochs'].shape}, not {(row_count,)}"
    for name in (*IMAGE_ARRAYS, *dict.fromkeys(ARRAYS.values())):
        images = counts[TEST_PREFIX if name.startswith(TEST_PREFIX) else ""]
        shape = (images,) if name in IMAGE_ARRAYS else (row_count, images)
        if name in arrays and arrays[name].shape != shape:
            yield f"array {name!r} is of shape {arrays[name].shape}, not {shape}"


def _find_wrong_numbers(arrays: Mapping[str, Any], spec: RunSpec) -> Iterator[str]:
    # There are at least as many images as classes and clusters. An absurd number would take all memory below.
    clusters = dict.fromkeys(("assignment", OWN, f"{TEST_PREFIX}{OWN}"), (0, spec.k))
    limits = {"labels": (0, len(arrays["labels"])), "test_labels": (0, sys.maxsize), **clusters}
    class_count = int(arrays["labels"].max()) + 1
    spaces = {space.key for space in SPACES}
    for name in dict.fromkeys(ARRAYS.values()):
        limits.setdefault(name, (0 if name in spaces else NOT_PREDICTED, class_count))
    for name, (low, high) in limits.items():
        if name in arrays and (arrays[name].min() < low or arrays[name].max() >= high):
            yield f"array {name!r} has numbers outside {low} to {high - 1}"
    for name in ("indices", "test_indices"):
        if len(np.unique(arrays[name])) < len(arrays[name]) or arrays[name].min() < 0:
            yield f"array {name!r} has a negative position, or one position twice"
