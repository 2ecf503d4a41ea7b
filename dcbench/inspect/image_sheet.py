"""A sheet of small images: square tiles in a grid, with words and frames among them.

In: uint8 images. Out: a matplotlib Figure, whose tiles are one picture of their own pixels, however it is saved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dcbench.figures.style.theme import COLOURS

Array = npt.NDArray[Any]
Rgb = npt.NDArray[np.uint8]

FRAME = COLOURS[1]
"""Colour of what is to be looked at on an image."""

EDGE = "#999999"
"""Colour of the line around a filter, whose weights may be as white as the page."""

WHOLE = (0.0, 0.0, 1.0, 1.0)

BLANK = np.full((1, 1, 3), 255, dtype=np.uint8)
"""A tile with nothing on it."""

SMALLEST = 32
"""Side (px) that smaller images are enlarged to, each pixel to a block of its colour."""

GAP = 0.08
"""Room between two tiles, as a share of a tile."""


def rgb(image: Array) -> Rgb:
    """An image `(c, h, w)` uint8 of 1 or 3 channels as `(h, w, 3)`."""
    colours: Rgb = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    return colours


def enlarged(image: Rgb, side: int) -> Rgb:
    """The image `(h, w, 3)` as `(side, side, 3)`, each pixel a block of its colour."""
    rows, columns = (np.arange(side) * length // side for length in image.shape[:2])
    blocks: Rgb = image[rows][:, columns]
    return blocks


def side_of(image: Array) -> int:
    """The side (px) to draw an image or a filter at: its own, or the first multiple of it that is large enough."""
    side: int = image.shape[-1]
    return side * math.ceil(SMALLEST / side)


class Sheet:
    """Square tiles on white, by row and column of one grid, fractions allowed, with words and frames among them.

    `side` is a tile's side in pixels and `tile` in inches; `left` and `top` (inches) is room for words outside.
    """

    def __init__(self, side: int, tile: float, left: float = 0.0, top: float = 0.0) -> None:
        self.side, self.tile, self.left, self.top = side, tile, left, top
        self.pitch = side * (1 + GAP)
        self.tiles: list[tuple[int, int, Rgb]] = []
        self.notes: list[tuple[float, float, str, dict[str, object]]] = []
        self.frames: list[Rectangle] = []

    def put(self, row: float, column: float, image: Rgb) -> None:
        """A tile."""
        self.tiles.append((round(row * self.pitch), round(column * self.pitch), enlarged(image, self.side)))

    def write(self, row: float, column: float, text: str, **style: object) -> None:
        """Words beside the tiles."""
        self.notes.append((row * self.pitch, column * self.pitch, text, style))

    def frame(self, row: float, column: float, box: Sequence[float] = WHOLE, colour: str = FRAME) -> None:
        """A frame around a tile, or around a part of it: top, left, height and width as shares of its side."""
        low = np.clip(np.array(box[:2]), 0, 1)
        high = np.clip(np.array(box[:2]) + np.array(box[2:]), 0, 1)
        y, x = low * self.side + np.array([round(row * self.pitch), round(column * self.pitch)])
        height, width = (high - low) * self.side
        line = 1.2 if colour == FRAME else 0.5
        self.frames.append(
            Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=line, clip_on=False)
        )

    def figure(self) -> Figure:
        """All of it drawn."""
        height = max(y for y, _, _ in self.tiles) + self.side
        width = max(x for _, x, _ in self.tiles) + self.side
        canvas = np.full((height, width, 3), 255, dtype=np.uint8)
        for y, x, image in self.tiles:
            canvas[y : y + self.side, x : x + self.side] = image
        scale = self.tile / self.side
        across, down = self.left + width * scale + 0.1, self.top + height * scale + 0.1
        figure = Figure(figsize=(across, down))
        axes = figure.add_axes((self.left / across, 0.1 / down, width * scale / across, height * scale / down))
        axes.set_axis_off()
        axes.imshow(canvas, extent=(0, width, height, 0), interpolation="none", aspect="auto")
        for low, left, text, style in self.notes:
            axes.text(left, low, text, **({"va": "center", "fontsize": 8} | style))  # type: ignore[arg-type]
        for frame in self.frames:
            axes.add_patch(frame)
        return figure
