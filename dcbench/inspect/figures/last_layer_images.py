"""Draw the images that filters of the last convolution respond to most: closest to what the network can distinguish."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from dcbench.inspect.figures import describe_filter_range, describe_images, draw_strongest_images, shorten_class_names
from dcbench.inspect.result import InspectionResult

FACTS = {
    "title": "What the last convolution's filters respond to",
    "place": 6,
    "needs": ["filter_counts", "last_answers", "last_strengths", "shown", "images"],
}


def draw(result: InspectionResult) -> Figure:
    """Return a row for each filter, with its images from left to right and their most frequent label."""
    names, labels = shorten_class_names(result), result["labels"]

    def describe(number: int) -> str:
        counts = np.bincount(labels[result["last_answers"][number]])
        return f"{number}: {counts.max()} of {counts.sum()}\n{names[counts.argmax()]}"

    return draw_strongest_images(result, "last", 2.6, describe).draw()


def caption(result: InspectionResult) -> str:
    """Return how to read the figure."""
    shown, total = result["last_answers"].shape[1], len(result["labels"])
    return (
        f"{describe_filter_range(result, 'last')} of the last convolution, each with the {shown} of {total:,} training "
        "images that it responds to most: whose output after batch norm, at its largest over all places, is largest. "
        "The text is the most frequent label among these images. A filter sees most of the image, so no place is "
        "framed. That these few images share a label does not mean that the filter responds to all images of the "
        f"label, or only to them. {describe_images(result)}"
    )
