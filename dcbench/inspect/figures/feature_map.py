"""Draw the map of the features: the same points coloured by label and by cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcbench.figures.style.theme import COLOURS
from dcbench.inspect.figures import shorten_class_names
from dcbench.inspect.result import Array, InspectionResult, IntArray, find_largest, find_majority_labels

FACTS = {
    "title": "Map of the features",
    "place": 3,
    "needs": ["map", "map_positions", "map_different", "trustworthiness"],
}

STYLES = [(colour, filled) for filled in (True, False) for colour in COLOURS]
"""Colour of a group's points, and whether they are filled discs or hollow triangles."""

OTHERS_COLOUR = "#cccccc"


def draw(result: InspectionResult) -> Figure:
    """Return two panels of the same points."""
    figure = Figure(figsize=(9.5, 6), layout="constrained")
    by_label, by_cluster = figure.subplots(1, 2)
    points, positions, counts = result["map"], result["map_positions"], result.counts
    names = shorten_class_names(result)
    majorities, shares = find_majority_labels(counts)
    cluster_names = [f"{cluster}: {names[majorities[cluster]]} {shares[cluster]:.0%}" for cluster in range(len(counts))]
    _draw_panel(by_label, points, result["labels"][positions], assign_label_styles(counts), names)
    _draw_panel(by_cluster, points, result["assignment"][positions], assign_cluster_styles(counts), cluster_names)
    by_label.set_title("by true label")
    by_cluster.set_title("by cluster: its majority label and that label's share")
    return figure


def assign_label_styles(counts: IntArray) -> dict[int, int]:
    """Return the number of its style for each of the most frequent labels, in the order of the labels."""
    return {int(label): style for style, label in enumerate(sorted(find_largest(counts.T, len(STYLES))))}


def assign_cluster_styles(counts: IntArray) -> dict[int, int]:
    """Return the number of its style for each of the largest clusters.

    A cluster has the style of its majority label, unless a larger cluster has it already.
    """
    label_styles, majorities = assign_label_styles(counts), find_majority_labels(counts)[0]
    cluster_styles: dict[int, int] = {}
    free = list(range(len(STYLES)))
    # Styles that no label has come first, so that a cluster without its own style does not look like another label.
    free.sort(key=lambda style: style < len(label_styles))
    for cluster in find_largest(counts, len(STYLES)):
        style = label_styles.get(int(majorities[cluster]), free[0])
        cluster_styles[int(cluster)] = style if style in free else free[0]
        free.remove(cluster_styles[int(cluster)])
    return cluster_styles


def _draw_panel(axes: Axes, points: Array, groups: IntArray, styles: dict[int, int], names: list[str]) -> None:
    others = ~np.isin(groups, list(styles))
    if others.any():
        label = f"{len(np.unique(groups[others]))} smaller ones"
        axes.scatter(points[others, 0], points[others, 1], s=5, color=OTHERS_COLOUR, linewidths=0, label=label)
    for group, style in styles.items():
        colour, filled = STYLES[style]
        looks = {"color": colour, "lw": 0} if filled else {"facecolors": "none", "edgecolors": colour, "lw": 0.7}
        x, y = points[groups == group].T
        axes.scatter(x, y, s=9, marker="o" if filled else "^", label=names[group], **looks)  # type: ignore[arg-type]
    axes.set(xticks=[], yticks=[], xlabel="t-SNE 1, no unit", ylabel="t-SNE 2, no unit")
    axes.set_aspect("equal", adjustable="datalim")
    # The names are set afterwards, because matplotlib leaves out a label that starts with _, as a class may.
    handles = list(axes.collections)
    beneath: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.06), "ncols": 3}
    legend = axes.legend(handles, [""] * len(handles), fontsize=8, markerscale=2, **beneath)
    for text, handle in zip(legend.get_texts(), handles, strict=True):
        text.set_text(str(handle.get_label()))


def caption(result: InspectionResult) -> str:
    """Return what was mapped, how far to trust the map, and what it cannot show."""
    shown, total = len(result["map_positions"]), len(result["labels"])
    which = f"{shown:,} of {total:,} training images, drawn with the run's seed"
    if shown == total:
        which = f"All {total:,} training images"
    distinct = int(result["map_different"])
    collapsed = f" Before the map they are only {distinct:,} different points." if distinct < shown else ""
    return (
        f"{which}: scikit-learn's t-SNE of the points that k-means worked on (after PCA, whitening and L2 "
        "normalisation, as far as the run has them). A cluster has the colour of its majority label, unless a larger "
        f"cluster has it. Trustworthiness {float(result['trustworthiness']):.2f}: 1 where all of a point's ten "
        "neighbours on the map are near it in the features. The map shows which images are neighbours. It cannot show "
        "how far apart groups are, nor how large or dense they are, because t-SNE evens that out. It can tear one "
        "group apart and make groups out of noise. And it cannot show a collapse that whitening hides: see the "
        f"effective rank among the scores.{collapsed}"
    )
