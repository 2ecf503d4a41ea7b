"""The noise floor in figures: a band where the axis is a difference of two runs, a scale bar where it is the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dcbench.analysis.summary import Analysis
from dcbench.core.columns import METRICS
from dcbench.figures.style.captions import shorten
from dcbench.figures.style.encoding import get_colour
from dcbench.figures.style.theme import GREY

FLOOR_BAND: dict[str, Any] = {"fc": "none", "ec": GREY, "hatch": "////", "lw": 0, "alpha": 0.35, "zorder": 0.4}
"""Style of the band, hatched so that it stays apart from the plain band of the margin."""

FLOOR_BAR: dict[str, Any] = {"marker": "_", "ms": 4, "mew": 1.4, "lw": 1.4, "clip_on": False, "zorder": 5}
"""Style of the scale bar."""

LABEL = "noise floor"

MAX_NAMED = 3
"""Datasets whose floors a note names; of more, it names the smallest and the largest."""


def draw_floor_band(panel: Axes, floor: float | None, axis: str = "x", span: tuple[float, float] = (0, 1)) -> None:
    """Hatch the differences from -floor to +floor on an axis, across a part of the panel given in its fractions."""
    if floor:
        draw = panel.axvspan if axis == "x" else panel.axhspan
        draw(-floor, floor, *span, **FLOOR_BAND)


def draw_floor_bars(panel: Axes, floors: Sequence[tuple[float, str]]) -> None:
    """Draw a bar as high as each floor, in the colour beside it, at the lower right of a panel whose scale is set.

    The scale is enlarged where a bar would not fit.
    """
    low, high = panel.get_ylim()
    high = max([high, *(low + 1.15 * floor for floor, _ in floors)])
    panel.set_ylim(low, high)
    start = low + 0.04 * (high - low)
    for place, (floor, colour) in enumerate(floors):
        # x in fractions of the panel's width, y on its scale
        x = 0.99 - 0.02 * place
        panel.plot([x, x], [start, start + floor], color=colour, transform=panel.get_yaxis_transform(), **FLOOR_BAR)


def make_band_handle() -> Patch:
    """Return the legend's handle of the band."""
    return Patch(**FLOOR_BAND, label=LABEL)


def make_bar_handle() -> Line2D:
    """Return the legend's handle of the scale bar."""
    return Line2D([], [], color=GREY, marker="|", ms=6, mew=1.4, lw=1.4, label=LABEL)


def list_floors(analysis: Analysis, metric: str) -> dict[str, float]:
    """Return the floor of a metric on each dataset that has one."""
    datasets = dict.fromkeys(analysis.same_experiments["dataset"].astype(str))
    floors = {name: analysis.find_floor(metric, name) for name in datasets}
    return {name: floor for name, floor in floors.items() if floor is not None}


def list_floor_bars(analysis: Analysis, metric: str, dataset: object = None) -> list[tuple[float, str]]:
    """Return the floor of each dataset with its colour for `draw_floor_bars`; of one dataset alone, in grey."""
    floors = list_floors(analysis, metric)
    if dataset is not None:
        return [(floor, GREY) for name, floor in floors.items() if name == str(dataset)]
    axis = "dataset" if "dataset" in analysis.axes else None
    return [(floor, get_colour(analysis, axis, name) if axis else GREY) for name, floor in floors.items()]


def describe_floor(analysis: Analysis, metric: str, more: str = "") -> str:
    """Return the floor of a metric on each dataset as a sentence that `more` goes on; empty where none is known."""
    floors = list_floors(analysis, metric)
    if not floors:
        return ""
    parts = [f"{floor:.2g} on {shorten(name)}" for name, floor in floors.items()]
    if len(parts) > MAX_NAMED:
        ordered = sorted(floors, key=lambda name: floors[name])
        ends = [f"{floors[name]:.2g} on {shorten(name)}" for name in (ordered[0], ordered[-1])]
        parts = [" to ".join(ends)]
    return (
        f"Noise floor: 95 of 100 differences between two runs of the same experiment are below {', '.join(parts)} "
        f"({METRICS[metric].label}){more}."
    )
