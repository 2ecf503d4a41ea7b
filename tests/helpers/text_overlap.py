"""Asks a drawn figure's artists where they are: texts that overlap, leave the canvas or are too small to read."""

import itertools
from unittest.mock import patch

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

SMALLEST = 7
"""Font size (pt) that can be read in print."""

TOUCH = 0.1
"""Share of the smaller text that another may cover: an extent holds room for letters that are not there."""


def texts(figure):
    """Every text that the figure draws, with its extent in pixels; tick labels out of sight are not drawn."""
    found = []

    def note(text, renderer, *arguments, **options):
        drawn(text, renderer, *arguments, **options)
        if text.get_visible() and text.get_text().strip():
            # an annotation's extent holds its arrow, which may run anywhere
            found.append((text, Text.get_window_extent(text, renderer)))

    drawn = Text.draw
    with patch.object(Text, "draw", note):
        FigureCanvasAgg(figure).draw()  # a Figure's own canvas draws nothing
    return list({id(text): (text, box) for text, box in found}.values())


def share(one, other):
    """How much of the smaller box the two have in common."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    smaller = min(one.width * one.height, other.width * other.height)
    return width * height / smaller if width > 0 and height > 0 else 0


def faults(figure):
    """What is wrong with the figure's texts, in words; empty when they can all be read."""
    boxes, canvas = texts(figure), figure.bbox
    told = [f"{text.get_text()!r} is set in {size:g} pt" for text, _ in boxes if (size := text.get_size()) < SMALLEST]
    told += [
        f"{text.get_text()!r} leaves the figure"
        for text, box in boxes
        if box.x0 < -1 or box.y0 < -1 or box.x1 > canvas.x1 + 1 or box.y1 > canvas.y1 + 1
    ]
    told += [
        f"{one.get_text()!r} overlaps {other.get_text()!r}"
        for (one, box), (other, beside) in itertools.combinations(boxes, 2)
        if share(box, beside) > TOUCH
    ]
    legends = [*figure.legends, *(panel.get_legend() for panel in figure.axes if panel.get_legend())]
    told += [
        f"a legend covers the panel {panel.get_title()!r}"
        for legend, panel in itertools.product(legends, figure.axes)
        if share(legend.get_window_extent(), panel.get_window_extent()) > 0.01
    ]
    return told
