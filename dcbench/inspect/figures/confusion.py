"""Clusters against labels: how many images of each label are in each cluster."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from dcbench.figures.style.theme import COLOURS
from dcbench.inspect.figures import class_names
from dcbench.inspect.result import InspectionResult, Ints, largest, majority

FACTS = {"title": "Clusters and labels", "place": 2, "needs": ["assignment", "labels"]}

CLUSTERS = 20
"""Clusters that have a row of their own, where no other number was asked for."""

NUMBERED = 16
"""Labels up to which cells show their numbers."""

SHADES = LinearSegmentedColormap.from_list("share", ["#ffffff", COLOURS[0]])


def draw(learned: InspectionResult) -> Figure:
    """A row for each of the largest clusters, in the order of their majority labels, and one for all others."""
    ids, table = rows(learned)
    names = [name.removeprefix("label ") for name in class_names(learned)]
    height, width = table.shape
    figure = Figure(figsize=(2.6 + max(4.0, 0.52 * min(width, NUMBERED)), 1.3 + 0.3 * height), layout="constrained")
    axes = figure.subplots()
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    if width <= NUMBERED:
        _number(axes, table)
    other = learned.counts.any(axis=1).sum() - len(ids)
    told = [f"cluster {label}: {table[row].sum():,}" for row, label in enumerate(ids)]
    told += [f"{other} other clusters: {table[-1].sum():,}"] if other else []
    axes.set_yticks(range(height), told)
    slanted = {"rotation": 45, "ha": "right"} if max(map(len, names)) > 4 and width <= NUMBERED else {}
    every = max(1, width // 20)
    axes.set_xticks(range(0, width, every), names[::every], **({"rotation": 90} if every > 1 else slanted))
    axes.set(xlabel="label", ylabel="cluster and its number of images")
    axes.grid(visible=False)
    figure.colorbar(drawn, label="share of the cluster's images", fraction=0.04)
    return figure


def rows(learned: InspectionResult) -> tuple[Ints, Ints]:
    """Ids of the clusters with a row `(r,)`, and images by row and label; last a row of all other clusters, if any."""
    counts = learned.counts
    ids = learned["clusters"] if "clusters" in learned else largest(counts, CLUSTERS)
    ids = ids[np.lexsort((-counts[ids].sum(axis=1), majority(counts)[0][ids]))]
    rest = counts.sum(axis=0) - counts[ids].sum(axis=0)
    return ids, np.vstack([counts[ids], rest]) if rest.any() else counts[ids]


def _number(axes: Axes, table: Ints) -> None:
    """Images in the cells that have any; the darkest shade is light enough for dark numbers."""
    for (row, column), count in np.ndenumerate(table):
        if count:
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=7)


def caption(learned: InspectionResult) -> str:
    """What the cells are, and what the clusters come to."""
    counts = learned.counts
    purity, active = counts.max(axis=1).sum() / counts.sum(), int(counts.any(axis=1).sum())
    return (
        f"Training images by cluster and true label, {counts.sum():,} in {active} clusters: numbers are images, shades "
        "are shares of the row. Rows are ordered by majority label, so that clusters of one label stand together. "
        f"{purity:.1%} of the images have their cluster's majority label: purity, which rises with k by itself."
    )
