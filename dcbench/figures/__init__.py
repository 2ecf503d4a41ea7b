"""Plots: each part turns what is told of a matrix into a matplotlib Figure.

A part is `draw(told, axis) -> Figure | None`: `told` the Analysis of a matrix, `axis` the axis to draw along, or None
for a plot of the whole matrix. None instead of a figure says that there is nothing to see: the report leaves it out.
The words beneath a figure (`note`) say what is averaged there, over how many cells and seeds, and what was left out.

FACTS: `title`, `caption`, `per_axis` (drawn for each axis), and where the part asks for less or more than the usual:

    axes      "numeric": drawn along axes whose values are amounts only
    needs     "plan": drawn also before any run has finished; all others need a finished run

Colours, words and marks are those of `drawing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dcbench.analysis.summary import Analysis


def choose_axes(facts: Mapping[str, Any], analysis: Analysis) -> list[str | None]:
    """The axes that a part with these FACTS is drawn along: [None] is the whole matrix, [] nothing."""
    if analysis.results.rows.empty and facts.get("needs") != "plan":
        return []
    if not facts["per_axis"]:
        return [None]
    wanted = [axis for axis in analysis.axes if facts.get("axes") != "numeric" or analysis.axes[axis].is_numeric]
    return [*wanted] if wanted or facts.get("axes") else [None]


def find_varied(analysis: Analysis, *names: str) -> str | None:
    """The first of these fields that the matrix varies."""
    return next((name for name in names if name in analysis.axes), None)


def has_value(column: pd.Series, value: object) -> pd.Series:
    """Which rows have the field's value; None, which pandas equals with nothing, is one."""
    return column.isna() if value is None else column == value
