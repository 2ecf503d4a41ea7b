"""The images that each filter of the first trained convolution answers to most, and where on them."""

from __future__ import annotations

from matplotlib.figure import Figure

from dcbench.inspect.figures import answers, filters_told, numbered, own_images
from dcbench.inspect.result import InspectionResult

FACTS = {
    "title": "What the first layer's filters answer to",
    "place": 5,
    "needs": [
        "filter_counts", "filters", "filters_before", "first_answers", "first_strengths", "first_ties", "first_boxes",
        "shown", "images",
    ],
}  # fmt: skip


def draw(learned: InspectionResult) -> Figure:
    """Each filter, and its images from left to right."""
    ties, shown = learned["first_ties"], learned["first_answers"].shape[1]

    def words(number: int) -> str:
        return f"{number}\n{ties[number]:,} alike" if ties[number] > shown else str(number)

    return answers(learned, "first", 2.0, words).figure()


def caption(learned: InspectionResult) -> str:
    """How to read it."""
    shown, total = learned["first_answers"].shape[1], len(learned["labels"])
    return (
        f"{numbered(learned, 'first')}, each with the {shown} of {total:,} training images whose output after batch "
        "norm, at its largest over all places, is largest; the frame is what the filter saw there. Alike: so many "
        f"images answer equally, and the first of them are shown. {own_images(learned)} {filters_told(learned)}"
    )
