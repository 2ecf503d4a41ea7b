"""Finds texts of a drawn figure that overlap, leave the canvas or are too small to read."""

import itertools
from unittest.mock import patch

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

SMALLEST = 7
"""The smallest font size (pt) that can be read in print."""

TOUCH = 0.1
"""The share of the smaller text that another text may cover: an extent has room for letters that do not occur."""


def find_texts(figure):
    """Return every text that the figure draws, with its extent in pixels; hidden tick labels are left out."""
    boxes = []
    original = Text.draw

    def record(text, renderer, *arguments, **options):
        original(text, renderer, *arguments, **options)
        if text.get_visible() and text.get_text().strip():
            # An annotation's own extent includes its arrow, which may cross other texts.
            boxes.append((text, Text.get_window_extent(text, renderer)))

    with patch.object(Text, "draw", record):
        FigureCanvasAgg(figure).draw()  # the canvas of a bare Figure draws nothing
    return list({id(text): (text, box) for text, box in boxes}.values())


def overlap_share(first, second):
    """Return the share of the smaller box that the two have in common."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    smaller = min(first.width * first.height, second.width * second.height)
    return width * height / smaller if width > 0 and height > 0 else 0


def find_faults(figure):
    """Return the faults of the figure's texts in words; an empty list when all are legible."""
    boxes, canvas = find_texts(figure), figure.bbox
    faults = [f"{text.get_text()!r} is set in {size:g} pt" for text, _ in boxes if (size := text.get_size()) < SMALLEST]
    faults += [
        f"{text.get_text()!r} leaves the figure"
        for text, box in boxes
        if box.x0 < -1 or box.y0 < -1 or box.x1 > canvas.x1 + 1 or box.y1 > canvas.y1 + 1
    ]
    faults += [
        f"{first.get_text()!r} overlaps {second.get_text()!r}"
        for (first, first_box), (second, second_box) in itertools.combinations(boxes, 2)
        if overlap_share(first_box, second_box) > TOUCH
    ]
    legends = [*figure.legends, *(panel.get_legend() for panel in figure.axes if panel.get_legend())]
    faults += [
        f"a legend covers the panel {panel.get_title()!r}"
        for legend, panel in itertools.product(legends, figure.axes)
        if overlap_share(legend.get_window_extent(), panel.get_window_extent()) > 0.01
    ]
    return faults
