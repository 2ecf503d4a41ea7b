"""Draw the images that each filter of the first trained convolution responds to most, and what it saw in them."""

from __future__ import annotations

from matplotlib.figure import Figure

from dcbench.inspect.figures import describe_filter_range, describe_filter_tiles, describe_images, draw_strongest_images
from dcbench.inspect.result import InspectionResult

FACTS = {
    "title": "What the first layer's filters respond to",
    "place": 5,
    "needs": [
        "filter_counts", "filters", "filters_before", "first_answers", "first_strengths", "first_ties", "first_boxes",
        "shown", "images",
    ],
}  # fmt: skip


def draw(result: InspectionResult) -> Figure:
    """Return a row for each filter, with its images from left to right."""
    ties, shown = result["first_ties"], result["first_answers"].shape[1]

    def describe(number: int) -> str:
        # As many ties as places are all on the figure, so only more of them are worth a word.
        return f"{number}\n{ties[number]:,} alike" if ties[number] > shown else str(number)

    return draw_strongest_images(result, "first", 2.0, describe).draw()


def caption(result: InspectionResult) -> str:
    """Return how to read the figure."""
    shown, total = result["first_answers"].shape[1], len(result["labels"])
    return (
        f"{describe_filter_range(result, 'first')}, each with the {shown} of {total:,} training images that it "
        "responds to most: whose output after batch norm, at its largest over all places, is largest. The frame is "
        "what the filter saw there. Alike: this many images have the same response, and the first of them are shown. "
        f"{describe_images(result)} {describe_filter_tiles(result)}"
    )
