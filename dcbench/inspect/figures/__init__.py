"""Draw what one run learned: one file a figure, and here what several of them share.

In: an InspectionResult. Out: `draw(result)` returns a matplotlib Figure, and `caption(result)` says what is shown, how
much of it, and what it cannot show. The FACTS of a figure are its `title`; `place`, its rank on the page; and `needs`,
the arrays without which it cannot be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dcbench import registry
from dcbench.figures.style.captions import shorten
from dcbench.inspect.image_sheet import BLANK, EDGE_COLOUR, ImageSheet, Rgb, choose_side, to_rgb
from dcbench.inspect.result import InspectionResult

# --- words ----------------------------------------------------------------------------------

MAX_NAME = 16
"""Characters of a class name that a figure shows."""


def shorten_class_names(result: InspectionResult) -> list[str]:
    """Return what figures call the classes: their shortened names, or `label 3` for one that says nothing."""
    names = []
    for label, name in enumerate(result.facts["class_names"]):
        short = shorten(name, MAX_NAME)
        # Blank, a bare number, or with characters that matplotlib's font does not have.
        says_nothing = not short or short.isdigit() or "\ufffd" in short
        names.append(f"label {label}" if says_nothing else short)
    return names


def describe_images(result: InspectionResult) -> str:
    """Return a sentence on the images shown, and on how the network saw them if it was otherwise."""
    spec = result.facts["spec"]
    viewer = "k-means" if spec["method"] == "pixels" else "the network"
    if spec["input_channels"] == 2:
        return f"The images are the dataset's own; {viewer} saw the Sobel gradients of their grey versions."
    if spec["input_channels"] == 1 and not _is_grey(result):
        return f"The images are the dataset's own; {viewer} saw them in grey."
    return "The images are the dataset's own."


def _is_grey(result: InspectionResult) -> bool:
    """Return whether the dataset's images are grey."""
    return bool(registry.facts("datasets", result.facts["spec"]["dataset"]).get("channels") == 1)


# --- filters --------------------------------------------------------------------------------


def make_filter_tiles(result: InspectionResult, name: str) -> Rgb:
    """Return the filters in the array `name` as tiles `(f, t, kh, kw, 3)`.

    Mid-grey is 0, and the largest weight of a filter is black or white, on one scale before and after training.
    A colour filter is one tile of colours, a filter on the two Sobel gradients two tiles, any other one tile.
    """
    weights = {key: result[key] for key in ("filters", "filters_before")}
    if _repeats_grey(result):
        # The three channels see the same image, so only the sum of a filter's weights acts.
        weights = {key: array.sum(axis=1, keepdims=True) for key, array in weights.items()}
    largest = np.max([np.abs(array).max(axis=(1, 2, 3)) for array in weights.values()], axis=0)
    # A filter of zeros is mid-grey, not a division by 0.
    scaled = weights[name] / np.maximum(largest, 1e-30)[:, None, None, None]
    levels = np.rint((scaled + 1) * 127.5).astype(np.uint8)
    is_colour = levels.shape[1] == 3
    tiles: Rgb = levels.transpose(0, 2, 3, 1)[:, None] if is_colour else np.repeat(levels[..., None], 3, axis=-1)
    return tiles


def describe_filter_tiles(result: InspectionResult) -> str:
    """Return a sentence on what the tile of a filter shows."""
    scale = "mid-grey is 0, and each filter has its own scale"
    if _repeats_grey(result):
        return (
            "The three input channels hold the same grey image, so only the sum of a filter's weights over them acts. "
            f"This sum is shown: light is positive, dark negative, {scale}."
        )
    channels = result["filters"].shape[1]
    if channels == 1:
        return f"The weights act on the grey image: light is positive, dark negative, {scale}."
    if channels == 2:
        return (
            "Each filter is two tiles, its weights on the horizontal and on the vertical Sobel gradient of the grey "
            f"image: light is positive, dark negative, {scale}. The Sobel filters themselves are fixed, not learned, "
            "and not shown."
        )
    return f"The strength of a colour is the weight on red, green and blue: {scale}."


def _repeats_grey(result: InspectionResult) -> bool:
    """Return whether the network saw a grey image three times."""
    return bool(result["filters"].shape[1] == 3 and _is_grey(result))


# --- the images that filters respond to -----------------------------------------------------


def draw_strongest_images(
    result: InspectionResult, layer: str, text_width: float, describe: Callable[[int], str]
) -> ImageSheet:
    """Draw the images that each filter of the `first` or `last` convolution responds to most, in two blocks.

    `describe(number)` is the text in front of a filter's images, and `text_width` its width in tiles. For the first
    convolution, the filters and what they saw in the images are drawn as well.
    """
    answers, strengths = result[f"{layer}_answers"], result[f"{layer}_strengths"]
    is_first = layer == "first"
    filters = make_filter_tiles(result, "filters")[: len(answers)] if is_first else np.empty((len(answers), 0))
    images_column = text_width + filters.shape[1] + (0.3 if is_first else 0)
    rows, block = math.ceil(len(answers) / 2), images_column + answers.shape[1] + 0.6
    sheet = ImageSheet(choose_side(result["images"]), tile=0.36, left=0.1, top=0.25)
    for left in (0, block) if len(answers) > 1 else (0,):
        sheet.add_text(-0.15, left, "filter", va="bottom")
        sheet.add_text(-0.15, left + images_column, "strongest response first", va="bottom")
    for number, positions in enumerate(answers):
        row, left = number % rows, number // rows * block
        sheet.add_text(row + 0.5, left, describe(number), fontsize=7)
        for place, tile in enumerate(filters[number]):
            sheet.add_image(row, left + text_width + place, tile)
            sheet.add_frame(row, left + text_width + place, colour=EDGE_COLOUR)
        # The ReLU sets what is not above 0 to 0, so that no image is more typical of the filter than another.
        if strengths[number, 0] <= 0:
            sheet.add_text(row + 0.5, left + images_column, "silent: below 0 for every image", fontsize=7)
            sheet.add_image(row, left + images_column + len(positions) - 1, BLANK)
            continue
        for place, position in enumerate(positions):
            sheet.add_image(row, left + images_column + place, to_rgb(result.image(position)))
            if is_first:
                sheet.add_frame(row, left + images_column + place, result["first_boxes"][number, place])
    return sheet


def describe_filter_range(result: InspectionResult, layer: str) -> str:
    """Return which filters of the `first` or `last` convolution are shown: those with the lowest numbers."""
    shown = len(result[f"{layer}_answers"])
    total = int(result["filter_counts"][0 if layer == "first" else 1])
    return f"All {total} filters" if shown == total else f"Filters 0 to {shown - 1} of {total} (by number, not chosen)"
