"""Draw the filters of the first trained convolution, before and after training."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from dcbench.inspect.figures import describe_filter_tiles, make_filter_tiles
from dcbench.inspect.image_sheet import EDGE_COLOUR, ImageSheet, choose_side
from dcbench.inspect.result import InspectionResult

FACTS = {"title": "First-layer filters", "place": 4, "needs": ["filter_counts", "filters", "filters_before"]}

MAX_COLUMNS = 12
"""Most tiles in a row of a block."""

BLOCK_GAP = 1.0
"""Space between the filters before and after training, in tiles."""


def draw(result: InspectionResult) -> Figure:
    """Return two blocks of the same filters in the same order, or one if nothing was trained."""
    blocks = {"filters_before": "untrained"}
    if epoch := result.facts["epoch"]:
        blocks["filters"] = f"after epoch {epoch}"
    tiles = {name: make_filter_tiles(result, name) for name in blocks}
    count, tiles_per_filter = tiles["filters_before"].shape[:2]
    columns = min(MAX_COLUMNS // tiles_per_filter, math.ceil(math.sqrt(count)))
    # The tiles of one filter stand together, apart from the next filter's.
    step = tiles_per_filter if tiles_per_filter == 1 else tiles_per_filter + 0.25
    tile_inches = min(0.8, max(0.32, 3 / (columns * tiles_per_filter)))
    sheet = ImageSheet(choose_side(result["filters"]), tile=tile_inches, left=0.1, top=0.3)
    for block, (name, title) in enumerate(blocks.items()):
        left = block * (columns * step + BLOCK_GAP)
        sheet.add_text(-0.12, left, title, fontsize=9, va="bottom")
        for number, filter_tiles in enumerate(tiles[name]):
            row, column = number // columns, left + number % columns * step
            for place, tile in enumerate(filter_tiles):
                sheet.add_image(row, column + place, tile)
                sheet.add_frame(row, column + place, colour=EDGE_COLOUR)
    return sheet.draw()


def caption(result: InspectionResult) -> str:
    """Return how the filters are drawn, and how far training moved them."""
    count, _, height, width = result["filters"].shape
    total = int(result["filter_counts"][0])
    which = f"The first {count} of {total}" if count < total else f"All {count}"
    if result.facts["epoch"]:
        before, after = result["filters_before"].reshape(count, -1), result["filters"].reshape(count, -1)
        lengths = np.maximum(np.linalg.norm(before, axis=1), 1e-30)  # no division by 0 for a filter of zeros
        share = np.median(np.linalg.norm(after - before, axis=1) / lengths)
        moved = f"Training moved a filter's weights by {share:.0%} of their length (median)."
    else:
        moved = "The network is untrained: these are its random initial weights."
    what = f"{which} filters ({height} x {width}) of the first trained convolution."
    return f"{what} {describe_filter_tiles(result)} {moved}"
