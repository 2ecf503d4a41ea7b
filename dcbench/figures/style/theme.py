"""How all figures look: ink, colours, sizes and font; matplotlib settings that every figure is drawn and saved under.

All text, frames and ticks are in INK, so that a page can turn it for dark mode; all else reads on both BACKGROUNDS.
"""

from __future__ import annotations

from typing import Any

INK = "#1c1c1c"
"""Text, frames and ticks; nothing else, and nothing of these in another colour."""

GREY = "#808080"
"""What is neither value nor text; reads on both backgrounds."""

BACKGROUNDS = ("#ffffff", "#181a1f")
"""Paper, and the page in dark mode."""

COLOURS = ("#3c96ff", "#e17800", "#2d785a", "#875a87", "#c32d00", "#b487a5", "#5a4bf0", "#879669")
"""Told apart with every colour vision on both backgrounds; tests/drawing/test_style.py says by how much."""

MAX_WIDTH = 9.5
"""Inches of the widest figure: text stays readable when it is shrunk to a page's width."""

SMALL_SIZE, TEXT_SIZE = 7, 8
"""Sizes of text, in points."""

FONT = "DejaVu Sans"
"""The font that comes with matplotlib, so that figures are the same everywhere."""

STYLE: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "text.parse_math": False,  # a $ in a name is a $
    "text.hinting": "none",  # words are as wide in every format: with hints 6 % wider at 110 dots an inch
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "dcbench",
    "pdf.fonttype": 42,
}
"""matplotlib settings that every figure is drawn and saved under."""
