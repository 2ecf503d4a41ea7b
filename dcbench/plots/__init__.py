"""Plots: each part turns results into a matplotlib Figure. What they share lives here.

A part is `draw(told, axis) -> Figure`: `told` the Analysis of a matrix with at least one finished run, `axis` the axis
to draw along, or None for a plot of the whole matrix. FACTS: title, caption, and `per_axis`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dcbench.analysis import Analysis
from dcbench.spec import shown

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#000000")
"""Okabe and Ito's palette, told apart with every colour vision, the darker ones first."""

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "dcbench",
}
"""matplotlib settings that every figure is drawn and saved under."""


def same(column: pd.Series, value: object) -> pd.Series:
    """Which rows have the field's value; None, which pandas equals with nothing, is one."""
    return column.isna() if value is None else column == value


def split_by(rows: pd.DataFrame, name: str | None, told: Analysis) -> list[tuple[str, str, pd.DataFrame]]:
    """(label, colour, rows) for each value of a field; all rows under the label `runs` without one."""
    if name is None:
        return [("runs", COLOURS[0], rows)]
    return [
        (shown(value), COLOURS[index % len(COLOURS)], rows[same(rows[name], value)])
        for index, value in enumerate(told.axes[name])
    ]


def first_varied(told: Analysis, *names: str) -> str | None:
    """The first of these fields that the matrix varies."""
    return next((name for name in names if name in told.axes), None)


def empty(message: str) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = Figure(figsize=(6, 1.2))
    figure.text(0.5, 0.5, message, ha="center", va="center")
    return figure
