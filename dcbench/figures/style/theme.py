"""Colours, sizes and font of all figures, and the matplotlib settings under which they are drawn and saved.

All text, frames and ticks have the colour INK, so that the page can recolour them for dark mode. Everything else can
be read on both BACKGROUNDS.
"""

from __future__ import annotations

from typing import Any

INK = "#1c1c1c"
"""The colour of all text, frames and ticks, and of nothing else."""

GREY = "#808080"
"""The colour of marks that stand for no value of an axis."""

BACKGROUNDS = ("#ffffff", "#181a1f")
"""Paper, and the page in dark mode."""

COLOURS = ("#3c96ff", "#e17800", "#2d785a", "#875a87", "#c32d00", "#b487a5", "#5a4bf0", "#879669")
"""Distinct on both backgrounds with every kind of colour vision; tests/figures/style/test_theme.py holds how much."""

MAX_WIDTH = 9.5
"""Width of the widest figure in inches: its text stays readable when the page shrinks it."""

SMALL_SIZE, TEXT_SIZE = 7, 8
"""Font sizes in points; nothing is smaller."""

FONT = "DejaVu Sans"
"""The font that comes with matplotlib, so that figures are the same on every machine."""

STYLE: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    # The name of an image folder may hold a $, which would start a formula.
    "text.parse_math": False,
    # With hinting, text is 6 % wider at 110 dots per inch, and what fits a PNG would overflow in an SVG.
    "text.hinting": "none",
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
    # Text as paths, so that a reader without the font sees the same.
    "svg.fonttype": "path",
    # A fixed salt gives the same ids, and thus the same file, in every run.
    "svg.hashsalt": "dcbench",
    "pdf.fonttype": 42,
}
"""The matplotlib settings under which every figure is drawn and saved."""
