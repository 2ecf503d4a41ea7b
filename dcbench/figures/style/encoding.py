"""A value of an axis has one colour, one marker and one line in all figures of a report.

In: an Analysis, an axis and one of its values. Out: what matplotlib takes.
"""

from __future__ import annotations

import math
from typing import Any

import matplotlib
from matplotlib.colors import to_hex

from dcbench import registry
from dcbench.analysis.summary import Analysis
from dcbench.core.spec import STAGE_BACKENDS
from dcbench.figures.style.theme import COLOURS, GREY

RAMP = ("viridis", 0.25, 0.75)
"""matplotlib's map, from where to where, for amounts: lighter is more, with every colour vision."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
LINE_STYLES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)))
"""The second code beside the colour; a line changes when the colours start anew."""

SHARED_PALETTES = dict.fromkeys(STAGE_BACKENDS, "backend") | {"top_optimizer": "optimizer", "top_lr": "lr"}
"""Axes with the values of another, which have their colours too."""


def get_colour(analysis: Analysis, axis: str | None, value: object) -> str:
    """The value's colour in every figure; without an axis the first colour, for what is no value GREY."""
    if axis is None:
        return COLOURS[0]
    values = _palette(analysis, axis)
    if value not in values:
        return GREY
    at = values.index(value)
    if axis in analysis.axes and analysis.axes[axis].is_numeric:
        name, low, high = RAMP
        return to_hex(matplotlib.colormaps[name](low + (high - low) * at / (len(values) - 1)))
    return COLOURS[at % len(COLOURS)]


def get_marker(analysis: Analysis, axis: str | None, value: object) -> str:
    """The value's marker in every figure."""
    return MARKERS[_place(analysis, axis, value) % len(MARKERS)]


def get_line_style(analysis: Analysis, axis: str | None, value: object) -> Any:
    """The value's line style in every figure."""
    return LINE_STYLES[_place(analysis, axis, value) // len(COLOURS) % len(LINE_STYLES)]


def get_style(analysis: Analysis, axis: str | None, value: object) -> dict[str, Any]:
    """All three, as matplotlib's lines take them."""
    return {
        name: draw(analysis, axis, value)
        for name, draw in (("color", get_colour), ("marker", get_marker), ("ls", get_line_style))
    }


def _place(analysis: Analysis, axis: str | None, value: object) -> int:
    values = [] if axis is None else _palette(analysis, axis)
    return values.index(value) if value in values else 0


def _palette(analysis: Analysis, axis: str) -> list[object]:
    """All values that share the axis's palette, in the order of their colours; amounts by size, None last."""
    kind = SHARED_PALETTES.get(axis, axis)
    axes = [name for name in analysis.axes if SHARED_PALETTES.get(name, name) == kind]
    alike = [value for name in axes for value in analysis.axes[name].values]
    known = registry.plugin_names("backends") if kind == "backend" else []
    values = list(dict.fromkeys([*alike, *known]))
    if axis in analysis.axes and analysis.axes[axis].is_numeric:
        values.sort(key=lambda value: math.inf if value is None else float(str(value)))
    return values
