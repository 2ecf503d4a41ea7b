"""Draw clusters against labels: how many images of each label are in each cluster."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from dcbench.figures.style.theme import COLOURS
from dcbench.inspect.figures import shorten_class_names
from dcbench.inspect.result import InspectionResult, IntArray, find_largest, find_majority_labels

FACTS = {"title": "Clusters and labels", "place": 2, "needs": ["assignment", "labels"]}

MAX_ROWS = 20
"""Clusters that have a row of their own, unless the user asked for another number."""

MAX_NUMBERED = 16
"""Most labels for which the cells show their numbers."""

SHADES = LinearSegmentedColormap.from_list("share", ["#ffffff", COLOURS[0]])
"""The darkest shade is light enough for dark numbers on it."""


def draw(result: InspectionResult) -> Figure:
    """Return a row for each of the largest clusters, in the order of their majority labels, and one for all others."""
    ids, table = count_rows(result)
    names = [name.removeprefix("label ") for name in shorten_class_names(result)]
    height, width = table.shape
    figure = Figure(figsize=(2.6 + max(4.0, 0.52 * min(width, MAX_NUMBERED)), 1.3 + 0.3 * height), layout="constrained")
    axes = figure.subplots()
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    if width <= MAX_NUMBERED:
        for (row, column), count in np.ndenumerate(table):
            if count:
                axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=7)
    row_names = [f"cluster {cluster}: {table[row].sum():,}" for row, cluster in enumerate(ids)]
    if others := result.counts.any(axis=1).sum() - len(ids):
        row_names.append(f"{others} other clusters: {table[-1].sum():,}")
    axes.set_yticks(range(height), row_names)
    # At most 20 names fit; long ones overlap unless they are slanted.
    step = max(1, width // 20)
    slanted = {"rotation": 45, "ha": "right"} if max(map(len, names)) > 4 and width <= MAX_NUMBERED else {}
    axes.set_xticks(range(0, width, step), names[::step], **({"rotation": 90} if step > 1 else slanted))
    axes.set(xlabel="label", ylabel="cluster and its number of images")
    axes.grid(visible=False)
    figure.colorbar(image, label="share of the cluster's images", fraction=0.04)
    return figure


def count_rows(result: InspectionResult) -> tuple[IntArray, IntArray]:
    """Return the ids of the clusters with a row `(r,)`, and the images by row and label.

    If there are more clusters, the images have one more row, for all others together.
    """
    counts = result.counts
    ids = result["clusters"] if "clusters" in result else find_largest(counts, MAX_ROWS)
    # By majority label, then by size: the last key of lexsort is the first criterion.
    ids = ids[np.lexsort((-counts[ids].sum(axis=1), find_majority_labels(counts)[0][ids]))]
    rest = counts.sum(axis=0) - counts[ids].sum(axis=0)
    return ids, np.vstack([counts[ids], rest]) if rest.any() else counts[ids]


def caption(result: InspectionResult) -> str:
    """Return what the cells are, and the purity of the clusters."""
    counts = result.counts
    purity, active = counts.max(axis=1).sum() / counts.sum(), int(counts.any(axis=1).sum())
    return (
        f"Training images by cluster and true label, {counts.sum():,} in {active} clusters: numbers are images, shades "
        "are shares of the row. Rows are ordered by majority label, so that clusters of one label are neighbours. "
        f"{purity:.1%} of the images have their cluster's majority label: purity, which rises with k by itself."
    )
