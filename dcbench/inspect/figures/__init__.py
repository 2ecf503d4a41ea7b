"""Pictures of what one run learned: each part turns a Learned into a matplotlib Figure. What they share lives here.

A part is `draw(learned) -> Figure` and `caption(learned) -> str`, which says what is shown, how much of it, and what it
cannot show. FACTS: title; `place`, its rank on the page; `needs`, the arrays without which it cannot be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dcbench import registry
from dcbench.figures.style.captions import shorten
from dcbench.inspect.image_sheet import BLANK, EDGE, Rgb, Sheet, rgb, side_of
from dcbench.inspect.result import Array, InspectionResult

# --- words ----------------------------------------------------------------------------------

LONGEST = 16
"""Characters of a class name that a figure shows."""


def class_names(learned: InspectionResult) -> list[str]:
    """What figures call the classes: their names, cut short; `label 3` for numbers and for what cannot be drawn."""
    brief = [shorten(name, LONGEST) for name in learned.facts["class_names"]]
    return [f"label {label}" if _says_nothing(name) else name for label, name in enumerate(brief)]


def _says_nothing(name: str) -> bool:
    """Whether it is blank, a bare number, or lacks characters that matplotlib's font does not have."""
    return not name or name.isdigit() or "\ufffd" in name


def own_images(learned: InspectionResult) -> str:
    """What the images shown are, and what else than these was seen of them."""
    spec = learned.facts["spec"]
    grey = registry.facts("datasets", spec["dataset"]).get("channels") == 1
    who = "k-means" if spec["method"] == "pixels" else "the network"
    saw = {1: "" if grey else f"; {who} saw them in grey", 2: f"; {who} saw the Sobel gradients of their grey"}
    return f"The images are the dataset's own{saw.get(spec['input_channels'], '')}."


# --- filters --------------------------------------------------------------------------------


def filter_tiles(learned: InspectionResult, name: str) -> Rgb:
    """The filters in `name` as tiles `(f, t, kh, kw, 3)`: mid-grey is 0, and a filter's largest weight black or white.

    Colour filters are one tile of colours, filters on the two Sobel gradients two tiles, others one. The scale is the
    same before and after training.
    """
    kept = {key: _acting(learned, learned[key]) for key in ("filters", "filters_before")}
    largest = np.max([np.abs(weights).max(axis=(1, 2, 3)) for weights in kept.values()], axis=0)
    scaled = kept[name] / np.maximum(largest, 1e-30)[:, None, None, None]
    levels = np.rint((scaled + 1) * 127.5).astype(np.uint8)
    colours = levels.shape[1] == 3
    tiles: Rgb = levels.transpose(0, 2, 3, 1)[:, None] if colours else np.repeat(levels[..., None], 3, axis=-1)
    return tiles


def filters_told(learned: InspectionResult) -> str:
    """What a filter's tile shows, in words."""
    scale = "mid-grey is 0, and each filter is on a scale of its own"
    if _repeated(learned):
        return (
            "The three input channels hold the same grey image, so what acts is the sum of a filter's weights over "
            f"them, and that is shown: light is positive, dark negative, {scale}."
        )
    return {
        1: f"Weights on the grey image: light is positive, dark negative, {scale}.",
        2: "Each filter is two tiles, its weights on the horizontal and on the vertical Sobel gradient of the grey "
        f"image: light is positive, dark negative, {scale}. The Sobel filters themselves are fixed, not learned, and "
        "not shown.",
        3: f"A colour's strength is the weight on red, green and blue: {scale}.",
    }[learned["filters"].shape[1]]


def _repeated(learned: InspectionResult) -> bool:
    """Whether the network saw a grey image three times."""
    grey = registry.facts("datasets", learned.facts["spec"]["dataset"]).get("channels") == 1
    return bool(learned["filters"].shape[1] == 3 and grey)


def _acting(learned: InspectionResult, weights: Array) -> Array:
    """The weights as they act on the images."""
    return weights.sum(axis=1, keepdims=True) if _repeated(learned) else weights


# --- answers --------------------------------------------------------------------------------


def answers(learned: InspectionResult, prefix: str, room: float, words: Callable[[int], str]) -> Sheet:
    """The images that each filter of the `first` or `last` convolution answers to, in two blocks, `words` beside each.

    `room` is that of the words, in tiles. The first convolution's filters and what they saw are shown as well.
    """
    answered, strengths = learned[f"{prefix}_answers"], learned[f"{prefix}_strengths"]
    leads = filter_tiles(learned, "filters")[: len(answered)] if prefix == "first" else np.empty((len(answered), 0))
    begin = room + leads.shape[1] + (0.3 if leads.shape[1] else 0)
    rows, block = math.ceil(len(answered) / 2), begin + answered.shape[1] + 0.6
    sheet = Sheet(side_of(learned["images"]), tile=0.36, left=0.1, top=0.25)
    for left in (0, block) if len(answered) > 1 else (0,):
        sheet.write(-0.15, left, "filter", va="bottom")
        sheet.write(-0.15, left + begin, "answers most first", va="bottom")
    for number, positions in enumerate(answered):
        row, left = number % rows, number // rows * block
        sheet.write(row + 0.5, left, words(number), fontsize=7)
        for place, tile in enumerate(leads[number]):
            sheet.put(row, left + room + place, tile)
            sheet.frame(row, left + room + place, colour=EDGE)
        if strengths[number, 0] <= 0:
            sheet.write(row + 0.5, left + begin, "silent: below 0 for every image", fontsize=7)
            sheet.put(row, left + begin + len(positions) - 1, BLANK)
            continue
        for place, position in enumerate(positions):
            sheet.put(row, left + begin + place, rgb(learned.image(position)))
            if prefix == "first":
                sheet.frame(row, left + begin + place, learned["first_boxes"][number, place])
    return sheet


def numbered(learned: InspectionResult, prefix: str) -> str:
    """Which filters of the `first` or `last` convolution are shown: those of lowest number."""
    shown = len(learned[f"{prefix}_answers"])
    total = int(learned["filter_counts"][0 if prefix == "first" else 1])
    return f"All {total} filters" if shown == total else f"Filters 0 to {shown - 1} of {total} (by number, not chosen)"
