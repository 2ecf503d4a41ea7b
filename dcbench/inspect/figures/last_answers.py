"""The images that filters of the last convolution answer to most: closest to what the network tells apart."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from dcbench.inspect.figures import answers, class_names, numbered, own_images
from dcbench.inspect.result import InspectionResult

FACTS = {
    "title": "What the last convolution's filters answer to",
    "place": 6,
    "needs": ["filter_counts", "last_answers", "last_strengths", "shown", "images"],
}


def draw(learned: InspectionResult) -> Figure:
    """Each filter's images from left to right, with their most frequent label."""
    names, labels = class_names(learned), learned["labels"]

    def words(number: int) -> str:
        found = np.bincount(labels[learned["last_answers"][number]])
        return f"{number}: {found.max()} of {found.sum()}\n{names[found.argmax()]}"

    return answers(learned, "last", 2.6, words).figure()


def caption(learned: InspectionResult) -> str:
    """How to read it."""
    shown, total = learned["last_answers"].shape[1], len(learned["labels"])
    return (
        f"{numbered(learned, 'last')} of the last convolution, each with the {shown} of {total:,} training images "
        "whose output after batch norm, at its largest over all places, is largest, and the most frequent label among "
        "these. A filter sees most of the image, so no place is framed. That these few images share a label does not "
        f"mean that the filter answers to all images of it, or only to them. {own_images(learned)}"
    )
