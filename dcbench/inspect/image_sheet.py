"""Draw a sheet of small images: square tiles in a grid, with text and frames among them.

In: uint8 images. Out: a matplotlib Figure whose tiles are one image of whole pixels, so that no format blurs them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dcbench.figures.style.theme import COLOURS
from dcbench.inspect.result import Array

Rgb = npt.NDArray[np.uint8]

FRAME_COLOUR = COLOURS[1]
"""Colour of a frame that points something out."""

EDGE_COLOUR = "#999999"
"""Colour of the line around a filter, whose weights may be as white as the page."""

WHOLE_TILE = (0.0, 0.0, 1.0, 1.0)

BLANK = np.full((1, 1, 3), 255, dtype=np.uint8)
"""A tile with nothing on it."""

MIN_SIDE = 32
"""Side (px) that smaller images are enlarged to, each pixel to a block of its colour."""

GAP = 0.08
"""Space between two tiles, as a share of a tile."""


def to_rgb(image: Array) -> Rgb:
    """Return an image `(c, h, w)` uint8 of 1 or 3 channels as `(h, w, 3)`."""
    colours: Rgb = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    return colours


def enlarge(image: Rgb, side: int) -> Rgb:
    """Return the image `(h, w, 3)` as `(side, side, 3)`, each pixel a block of its colour."""
    # Nearest neighbour by index: interpolation would invent colours between the pixels.
    rows, columns = (np.arange(side) * length // side for length in image.shape[:2])
    blocks: Rgb = image[rows][:, columns]
    return blocks


def choose_side(image: Array) -> int:
    """Return the side (px) to draw an image or a filter at: the first multiple of its own that reaches MIN_SIDE."""
    side: int = image.shape[-1]
    return side * math.ceil(MIN_SIDE / side)


class ImageSheet:
    """Square tiles on white, by row and column of one grid, which may be fractions.

    `side` is a tile's side in pixels, `tile` in inches; `left` and `top` (inches) is space for text outside the grid.
    """

    def __init__(self, side: int, tile: float, left: float = 0.0, top: float = 0.0) -> None:
        self.side, self.tile, self.left, self.top = side, tile, left, top
        self.pitch = side * (1 + GAP)
        self.tiles: list[tuple[int, int, Rgb]] = []
        self.texts: list[tuple[float, float, str, dict[str, object]]] = []
        self.frames: list[Rectangle] = []

    def add_image(self, row: float, column: float, image: Rgb) -> None:
        """Add a tile."""
        self.tiles.append((round(row * self.pitch), round(column * self.pitch), enlarge(image, self.side)))

    def add_text(self, row: float, column: float, text: str, **style: object) -> None:
        """Add text; `style` are properties of a matplotlib Text."""
        self.texts.append((row * self.pitch, column * self.pitch, text, style))

    def add_frame(
        self, row: float, column: float, box: Sequence[float] = WHOLE_TILE, colour: str = FRAME_COLOUR
    ) -> None:
        """Add a frame around a tile, or around a part of it: top, left, height and width as shares of its side."""
        # What a filter sees can reach beyond the image, into the padding; the frame stays inside.
        low = np.clip(np.array(box[:2]), 0, 1)
        high = np.clip(np.array(box[:2]) + np.array(box[2:]), 0, 1)
        y, x = low * self.side + np.array([round(row * self.pitch), round(column * self.pitch)])
        height, width = (high - low) * self.side
        line = 1.2 if colour == FRAME_COLOUR else 0.5
        # clip_on would cut off half the line of a frame at the edge of the sheet.
        self.frames.append(
            Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=line, clip_on=False)
        )

    def draw(self) -> Figure:
        """Return the figure with everything that was added."""
        height = max(y for y, _, _ in self.tiles) + self.side
        width = max(x for _, x, _ in self.tiles) + self.side
        canvas = np.full((height, width, 3), 255, dtype=np.uint8)
        for y, x, image in self.tiles:
            canvas[y : y + self.side, x : x + self.side] = image
        # The axes get exactly the canvas's shape, so that every tile is square and every pixel equally large.
        inches_per_pixel = self.tile / self.side
        across = self.left + width * inches_per_pixel + 0.1
        down = self.top + height * inches_per_pixel + 0.1
        figure = Figure(figsize=(across, down))
        axes = figure.add_axes(
            (self.left / across, 0.1 / down, width * inches_per_pixel / across, height * inches_per_pixel / down)
        )
        axes.set_axis_off()
        axes.imshow(canvas, extent=(0, width, height, 0), interpolation="none", aspect="auto")
        for down_pixels, across_pixels, text, style in self.texts:
            axes.text(across_pixels, down_pixels, text, **({"va": "center", "fontsize": 8} | style))  # type: ignore[arg-type]
        for frame in self.frames:
            axes.add_patch(frame)
        return figure
