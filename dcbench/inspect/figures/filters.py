"""The first trained convolution's filters, before training and after."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from dcbench.inspect.figures import filter_tiles, filters_told
from dcbench.inspect.image_sheet import EDGE, Sheet, side_of
from dcbench.inspect.result import InspectionResult

FACTS = {"title": "First-layer filters", "place": 4, "needs": ["filter_counts", "filters", "filters_before"]}

MOST = 12
"""Filters in a row."""

BESIDE = 1.0
"""Room between the filters before and after training, in tiles."""


def draw(learned: InspectionResult) -> Figure:
    """Two blocks of the same filters in the same order, or one where nothing was trained."""
    blocks = {"filters_before": "untrained"}
    if epoch := learned.facts["epoch"]:
        blocks["filters"] = f"after epoch {epoch}"
    tiles = {name: filter_tiles(learned, name) for name in blocks}
    count, each = tiles["filters_before"].shape[:2]
    wide = min(MOST // each, math.ceil(math.sqrt(count)))
    step = each if each == 1 else each + 0.25
    sheet = Sheet(side_of(learned["filters"]), tile=min(0.8, max(0.32, 3 / (wide * each))), left=0.1, top=0.3)
    for number, (name, title) in enumerate(blocks.items()):
        left = number * (wide * step + BESIDE)
        sheet.write(-0.12, left, title, fontsize=9, va="bottom")
        for index, filters in enumerate(tiles[name]):
            for place, tile in enumerate(filters):
                sheet.put(index // wide, left + index % wide * step + place, tile)
                sheet.frame(index // wide, left + index % wide * step + place, colour=EDGE)
    return sheet.figure()


def caption(learned: InspectionResult) -> str:
    """How the filters are drawn, and how far training moved them."""
    count, _, height, width = learned["filters"].shape
    total = int(learned["filter_counts"][0])
    which = f"The first {count} of {total}" if count < total else f"All {count}"
    size = f"filters ({height} x {width}) of the first trained convolution."
    return f"{which} {size} {filters_told(learned)} {_moved(learned)}"


def _moved(learned: InspectionResult) -> str:
    if not learned.facts["epoch"]:
        return "The network is untrained: these are its random initial weights."
    before, after = learned["filters_before"], learned["filters"]
    moved = np.linalg.norm((after - before).reshape(len(before), -1), axis=1)
    share = np.median(moved / np.maximum(np.linalg.norm(before.reshape(len(before), -1), axis=1), 1e-30))
    return f"Training moved a filter's weights by {share:.0%} of their length (median)."
