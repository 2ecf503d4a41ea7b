"""A matrix of two tiny runs, and changes to their files."""

from __future__ import annotations

import numpy as np

MATRIX = """name: m
axes: {optimizer: [sgd]}
settings: {limit: 90, test_limit: 70, width: 0.05, pca_dim: 8, epochs: 2, batch_size: 32, k: 12}
baselines: [supervised]
"""


def read_arrays(folder):
    """Return the arrays of assignments.npz as numpy reads them."""
    with np.load(folder.assignments_file) as archive:
        return dict(archive)


def change_arrays(folder, without=(), **changes):
    """Write assignments.npz again with these arrays changed, or without some of them."""
    arrays = {name: array for name, array in (read_arrays(folder) | changes).items() if name not in without}
    np.savez_compressed(folder.assignments_file, **arrays)


def change_value(folder, epoch, column, text):
    """Write another text into one cell of metrics.csv; return the old one."""
    lines = folder.metrics_file.read_text().splitlines()
    cells, position = lines[epoch + 1].split(","), lines[0].split(",").index(column)
    old, cells[position] = cells[position], text
    lines[epoch + 1] = ",".join(cells)
    folder.metrics_file.write_text("\n".join(lines) + "\n")
    return old
