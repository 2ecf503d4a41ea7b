"""Draw the images nearest the centroid of each of the largest clusters, next to the mean of all its images."""

from __future__ import annotations

from matplotlib.figure import Figure

from dcbench.inspect.figures import describe_images, shorten_class_names
from dcbench.inspect.image_sheet import ImageSheet, choose_side, to_rgb
from dcbench.inspect.result import InspectionResult, find_majority_labels

FACTS = {
    "title": "Images nearest each centroid",
    "place": 1,
    "needs": ["clusters", "nearest", "means", "shown", "images"],
}

NEAREST_COLUMN = 1.35
"""Column of the nearest image; the mean is in column 0."""


def draw(result: InspectionResult) -> Figure:
    """Return a row for each cluster, the largest first; images of another than the majority label have a frame."""
    names, sizes = shorten_class_names(result), result.counts.sum(axis=1)
    labels, shares = find_majority_labels(result.counts)
    sheet = ImageSheet(choose_side(result["images"]), tile=0.52, left=1.95, top=0.3)
    sheet.add_text(-0.12, 0.5, "mean", ha="center", va="bottom")
    sheet.add_text(-0.12, NEAREST_COLUMN, "nearest to the centroid first", va="bottom")
    for row, cluster in enumerate(result["clusters"]):
        majority = f"{names[labels[cluster]]}: {shares[cluster]:.0%}"
        sheet.add_text(row + 0.36, -0.2, majority, ha="right", fontsize=9, fontweight="bold")
        sheet.add_text(row + 0.72, -0.2, f"cluster {cluster}, {sizes[cluster]:,} images", ha="right", fontsize=7)
        sheet.add_image(row, 0, to_rgb(result["means"][row]))
        positions = result["nearest"][row]
        for place, position in enumerate(positions[positions >= 0]):  # -1 marks an empty place
            sheet.add_image(row, NEAREST_COLUMN + place, to_rgb(result.image(position)))
            if result["labels"][position] != labels[cluster]:
                sheet.add_frame(row, NEAREST_COLUMN + place)
    return sheet.draw()


def caption(result: InspectionResult) -> str:
    """Return which clusters are shown, and how to read a row."""
    sizes = result.counts.sum(axis=1)
    shown, active = len(result["clusters"]), int((sizes > 0).sum())
    if shown < active:
        share = sizes[result["clusters"]].sum() / sizes.sum()
        which = f"The {shown} largest of {active} clusters ({share:.0%} of the images)"
    else:
        which = f"All {active} clusters" if active > 1 else "The only cluster that holds any image"
    return (
        f"{which}, with the majority label and its share of the cluster's images. Then follow the mean of all these "
        "images, and the images nearest to the centroid, by Euclidean distance in the space of k-means; those of "
        "another label have a frame. Images near a centroid are the most typical of the cluster: the share tells how "
        f"mixed the rest of it is. {describe_images(result)}"
    )
