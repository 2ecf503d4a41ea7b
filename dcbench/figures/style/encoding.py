"""The colour, marker and line of each value of an axis and of each verdict, the same in all figures of a report."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dcbench import registry
from dcbench.analysis.summary import Analysis
from dcbench.core.spec import STAGE_BACKENDS
from dcbench.figures.style.theme import COLOURS, GREY

RAMP = ("viridis", 0.25, 0.75)
"""Colour map of numeric axes, and the part of it in use: larger values are lighter, with every colour vision."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
LINE_STYLES: tuple[Any, ...] = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)))
"""The line style changes where the colours repeat."""

SHARED_PALETTES = dict.fromkeys(STAGE_BACKENDS, "backend") | {"top_optimizer": "optimizer", "top_lr": "lr"}
"""Axis -> the axis with the same kind of values, whose colours it uses."""


# --- values of axes -------------------------------------------------------------------------


def get_colour(analysis: Analysis, axis: str | None, value: object) -> str:
    """Return the colour of a value: the first colour without an axis, GREY for what is no value of the axis."""
    if axis is None:
        return COLOURS[0]
    values = _list_palette(analysis, axis)
    if value not in values:
        return GREY
    index = values.index(value)
    if axis in analysis.axes and analysis.axes[axis].is_numeric:
        name, low, high = RAMP
        return to_hex(matplotlib.colormaps[name](low + (high - low) * index / (len(values) - 1)))
    return COLOURS[index % len(COLOURS)]


def get_marker(analysis: Analysis, axis: str | None, value: object) -> str:
    """Return the marker of a value: the first marker without an axis."""
    return MARKERS[_find_index(analysis, axis, value) % len(MARKERS)]


def get_line_style(analysis: Analysis, axis: str | None, value: object) -> Any:
    """Return the line style of a value: a solid line without an axis."""
    # The style changes where the colours repeat, so that values with one colour differ in their line.
    return LINE_STYLES[_find_index(analysis, axis, value) // len(COLOURS) % len(LINE_STYLES)]


def get_style(analysis: Analysis, axis: str | None, value: object) -> dict[str, Any]:
    """Return colour, marker and line style of a value as keyword arguments of a matplotlib line."""
    return {
        "color": get_colour(analysis, axis, value),
        "marker": get_marker(analysis, axis, value),
        "ls": get_line_style(analysis, axis, value),
    }


def _find_index(analysis: Analysis, axis: str | None, value: object) -> int:
    """Return the place of a value in its palette, 0 where it has none."""
    values = [] if axis is None else _list_palette(analysis, axis)
    return values.index(value) if value in values else 0


def _list_palette(analysis: Analysis, axis: str) -> list[object]:
    """Return all values that share a palette in the order of their colours: numbers by size, None last."""
    palette = SHARED_PALETTES.get(axis, axis)
    axes = [name for name in analysis.axes if SHARED_PALETTES.get(name, name) == palette]
    values = list(dict.fromkeys(value for name in axes for value in analysis.axes[name].values))
    if palette == "backend":
        # A stage may run on a library that no axis names, such as faiss in every run of a small matrix.
        values = list(dict.fromkeys([*values, *registry.plugin_names("backends")]))
    if axis in analysis.axes and analysis.axes[axis].is_numeric:
        values.sort(key=lambda value: math.inf if value is None else float(str(value)))
    return values


# --- verdicts -------------------------------------------------------------------------------

VERDICT_STYLES = {
    "better": (COLOURS[2], "^"),
    "worse": (COLOURS[4], "v"),
    "higher": (COLOURS[1], ">"),
    "lower": (COLOURS[1], "<"),
    "same": (COLOURS[0], "s"),
    "cannot tell": (GREY, "o"),
    "too few seeds": (GREY, "D"),
}
"""Verdict -> colour and marker: each has its own marker; `higher` and `lower` share a colour, as do the last two."""

MARGIN_BAND: dict[str, Any] = {"color": GREY, "alpha": 0.22, "lw": 0}
"""Style of the band that shades a margin."""


def get_marker_face(verdict: str) -> str:
    """Return the fill colour of a verdict's marker: an undecided one is hollow."""
    return "none" if verdict == "cannot tell" else VERDICT_STYLES[verdict][0]


def make_verdict_handles(verdicts: Iterable[str]) -> list[Artist]:
    """Return the legend's handles of the verdicts that occur, in a fixed order, and of the margin."""
    occurring = set(verdicts)
    handles: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, mfc=get_marker_face(verdict), ls="", label=verdict)
        for verdict, (colour, marker) in VERDICT_STYLES.items()
        if verdict in occurring
    ]
    return [*handles, Patch(**MARGIN_BAND, label="margin")]
