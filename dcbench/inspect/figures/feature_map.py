"""The map of the features: the same points coloured by label and by cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcbench.figures.style.theme import COLOURS
from dcbench.inspect.figures import class_names
from dcbench.inspect.result import Array, InspectionResult, Ints, largest, majority

FACTS = {
    "title": "Map of the features",
    "place": 3,
    "needs": ["map", "map_positions", "map_different", "trustworthiness"],
}

STYLES = [(colour, filled) for filled in (True, False) for colour in COLOURS]
"""Colour of a group's points, and whether they are filled discs or hollow triangles."""

REST = "#cccccc"


def draw(learned: InspectionResult) -> Figure:
    """Two panels of the same points."""
    figure = Figure(figsize=(9.5, 6), layout="constrained")
    by_label, by_cluster = figure.subplots(1, 2)
    positions, counts, names = learned["map_positions"], learned.counts, class_names(learned)
    majorities, shares = majority(counts)
    told = [f"{cluster}: {names[majorities[cluster]]} {shares[cluster]:.0%}" for cluster in range(len(counts))]
    labels, clusters = label_styles(counts), cluster_styles(counts)
    _panel(by_label, learned["map"], learned["labels"][positions], labels, names)
    _panel(by_cluster, learned["map"], learned["assignment"][positions], clusters, told)
    by_label.set_title("by true label")
    by_cluster.set_title("by cluster: its majority label and that label's share")
    return figure


def label_styles(counts: Ints) -> dict[int, int]:
    """Label -> number of its style, for the most frequent labels, in their own order."""
    return {int(label): style for style, label in enumerate(sorted(largest(counts.T, len(STYLES))))}


def cluster_styles(counts: Ints) -> dict[int, int]:
    """Cluster -> number of its style, for the largest: its majority label's, where no larger cluster has that."""
    labels, wanted = label_styles(counts), majority(counts)[0]
    chosen: dict[int, int] = {}
    free = list(range(len(STYLES)))
    free.sort(key=lambda style: style < len(labels))  # those of no label first
    for cluster in largest(counts, len(STYLES)):
        style = labels.get(int(wanted[cluster]), free[0])
        chosen[int(cluster)] = style if style in free else free[0]
        free.remove(chosen[int(cluster)])
    return chosen


def _panel(axes: Axes, points: Array, groups: Ints, styles: dict[int, int], told: list[str]) -> None:
    rest = ~np.isin(groups, list(styles))
    if rest.any():
        others = len(np.unique(groups[rest]))
        axes.scatter(points[rest, 0], points[rest, 1], s=5, color=REST, linewidths=0, label=f"{others} smaller ones")
    for group, style in styles.items():
        colour, filled = STYLES[style]
        looks = {"color": colour, "lw": 0} if filled else {"facecolors": "none", "edgecolors": colour, "lw": 0.7}
        x, y = points[groups == group].T
        axes.scatter(x, y, s=9, marker="o" if filled else "^", label=told[group], **looks)  # type: ignore[arg-type]
    axes.set(xticks=[], yticks=[], xlabel="t-SNE 1, no unit", ylabel="t-SNE 2, no unit")
    axes.set_aspect("equal", adjustable="datalim")
    handles = list(axes.collections)
    beneath: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.06), "ncols": 3}
    legend = axes.legend(handles, [""] * len(handles), fontsize=8, markerscale=2, **beneath)
    for place, handle in zip(legend.get_texts(), handles, strict=True):
        place.set_text(str(handle.get_label()))  # a label that starts with _ would be left out


def caption(learned: InspectionResult) -> str:
    """What was mapped, how far to trust it, and what it cannot show."""
    shown, total = len(learned["map_positions"]), len(learned["labels"])
    some = f"{shown:,} of {total:,} training images, drawn with the run's seed"
    trust, different = float(learned["trustworthiness"]), int(learned["map_different"])
    piled = f" Before the map they are only {different:,} different points." if different < shown else ""
    return (
        f"{some if shown < total else f'All {total:,} training images'}: scikit-learn's t-SNE of the points on which "
        "k-means worked (after PCA, whitening and L2, as far as the run has them). A cluster has its majority label's "
        f"colour, where no larger one has it. Trustworthiness {trust:.2f}: 1 where all of a point's ten neighbours "
        "here are near it there. The map shows which images are neighbours. It cannot show how far apart groups are, "
        "nor how large or dense: t-SNE evens that out. It can tear one group apart and make groups out of noise. And "
        f"it cannot show a collapse that whitening hides: see the effective rank among the scores.{piled}"
    )
