"""The images nearest the centroid of each of the largest clusters, beside the mean of all its images."""

from __future__ import annotations

from matplotlib.figure import Figure

from dcbench.inspect.figures import class_names, own_images
from dcbench.inspect.image_sheet import Sheet, rgb, side_of
from dcbench.inspect.result import InspectionResult, majority

FACTS = {
    "title": "Images nearest each centroid",
    "place": 1,
    "needs": ["clusters", "nearest", "means", "shown", "images"],
}

APART = 1.35
"""Column of the nearest image; the mean stands before it."""


def draw(learned: InspectionResult) -> Figure:
    """A row for each cluster, the largest first; images of another label than the majority are framed."""
    names, sizes = class_names(learned), learned.counts.sum(axis=1)
    labels, shares = majority(learned.counts)
    sheet = Sheet(side_of(learned["images"]), tile=0.52, left=1.95, top=0.3)
    sheet.write(-0.12, 0.5, "mean", ha="center", va="bottom")
    sheet.write(-0.12, APART, "nearest to the centroid first", va="bottom")
    for row, cluster in enumerate(learned["clusters"]):
        told = f"{names[labels[cluster]]}: {shares[cluster]:.0%}"
        sheet.write(row + 0.36, -0.2, told, ha="right", fontsize=9, fontweight="bold")
        sheet.write(row + 0.72, -0.2, f"cluster {cluster}, {sizes[cluster]:,} images", ha="right", fontsize=7)
        sheet.put(row, 0, rgb(learned["means"][row]))
        for place, position in enumerate(found for found in learned["nearest"][row] if found >= 0):
            sheet.put(row, APART + place, rgb(learned.image(position)))
            if learned["labels"][position] != labels[cluster]:
                sheet.frame(row, APART + place)
    return sheet.figure()


def caption(learned: InspectionResult) -> str:
    """Which clusters, and how to read a row."""
    sizes = learned.counts.sum(axis=1)
    shown, active = len(learned["clusters"]), int((sizes > 0).sum())
    share = sizes[learned["clusters"]].sum() / sizes.sum()
    which = f"The {shown} largest of {active} clusters ({share:.0%} of the images)"
    if shown == active:
        which = f"All {active} clusters" if active > 1 else "The only cluster that holds any image"
    return (
        f"{which}, with the majority label and its share of the cluster's images. Then the mean of all these images, "
        "and those nearest to the centroid, by Euclidean distance where k-means worked; framed are those of another "
        "label. Images near a centroid are the cluster's most typical: the share tells how mixed the rest of it is. "
        f"{own_images(learned)}"
    )
