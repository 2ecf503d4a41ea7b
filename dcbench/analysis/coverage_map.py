"""The layout of a coverage map: every planned run as a square in a table of the axes' values and the seeds.

The figure and the page draw it each in their own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dcbench.analysis.summary import Analysis
from dcbench.audit.health import HEALTH_STATES


@dataclass(frozen=True, kw_only=True)
class Header:
    """A value of an axis above the columns, or beside the rows, that have it.

    Attributes:
        start: The first row or column, from 0.
        span: How many rows or columns it spans.
    """

    value: object
    start: int
    span: int


@dataclass(frozen=True, kw_only=True)
class Side:
    """The rows or the columns of the map.

    Attributes:
        axes: The names of the axes, outermost first.
        headers: The headers of each axis, which together span all rows or columns.
        length: How many rows or columns there are.
    """

    axes: tuple[str, ...]
    headers: tuple[tuple[Header, ...], ...]
    length: int

    def headers_at(self, place: int) -> list[Header | None]:
        """Return the header of each axis that starts at a row or column; None where an earlier one still spans it."""
        return [next((header for header in line if header.start == place), None) for line in self.headers]


@dataclass(frozen=True, kw_only=True)
class Square:
    """A planned run on the map.

    Attributes:
        run: The run's place in the plan, from 0.
        state: The run's state; of a finished run that is not healthy, its health.
    """

    run: int
    row: int
    column: int
    state: str


@dataclass(frozen=True, kw_only=True)
class CoverageMap:
    """Rows, columns, and a square for each planned run in the order of the plan; other cells have no square."""

    rows: Side
    columns: Side
    squares: tuple[Square, ...]

    @property
    def cells(self) -> list[list[list[Square]]]:
        """The squares by row and column; runs that differ in nothing that the map shows share a cell."""
        cells: list[list[list[Square]]] = [[[] for _ in range(self.columns.length)] for _ in range(self.rows.length)]
        for square in self.squares:
            cells[square.row][square.column].append(square)
        return cells


def lay_out_coverage(analysis: Analysis, max_columns: float = 24) -> CoverageMap:
    """Lay out all planned runs, with the seeds and repeats innermost in the columns.

    The last axes go to the columns as long as these are at most `max_columns`; the other axes go to the rows, and so do
    the seeds where their repeats take too many columns.
    """
    runs, seed_fields = analysis.results.runs, analysis.results.seed_fields
    counts = {axis.name: len(axis.values) for axis in analysis.axes.values()}
    counts |= {name: runs[name].nunique() for name in seed_fields}
    *outer, innermost = counts
    across, width = [innermost], counts[innermost]
    for name in reversed(outer):
        width *= counts[name]
        if width > max_columns:
            break
        across.insert(0, name)
    rows, row_of_run = _lay_out_side(analysis, [name for name in counts if name not in across])
    columns, column_of_run = _lay_out_side(analysis, across)
    # A finished run is done and healthy unless its health says otherwise.
    states = runs["health"].where((runs["state"] == "done") & runs["health"].isin(HEALTH_STATES[1:]), runs["state"])
    places = zip(row_of_run.tolist(), column_of_run.tolist(), states, strict=True)
    squares = (Square(run=run, row=row, column=column, state=state) for run, (row, column, state) in enumerate(places))
    return CoverageMap(rows=rows, columns=columns, squares=tuple(squares))


def _lay_out_side(analysis: Analysis, names: Sequence[str]) -> tuple[Side, np.ndarray]:
    """Return the rows or columns that these fields make, and the row or column of each run."""
    runs = analysis.results.runs
    values = [analysis.axis_values.get(name) or tuple(sorted(runs[name].unique())) for name in names]
    # Each run as numbers of values, so that sorting them gives the order of the plan.
    numbers = np.zeros((len(runs), max(1, len(names))), dtype=np.intp)
    for column, name in enumerate(names):
        for number, value in enumerate(values[column]):
            # pandas reads None back as NaN, which equals nothing.
            numbers[runs[name].isna() if value is None else runs[name] == value, column] = number
    lines, line_of_run = np.unique(numbers, axis=0, return_inverse=True)
    headers = []
    for depth in range(len(names)):
        # A header ends where this axis or one further out changes.
        changes = np.flatnonzero((lines[1:, : depth + 1] != lines[:-1, : depth + 1]).any(axis=1)) + 1
        starts, ends = [0, *changes.tolist()], [*changes.tolist(), len(lines)]
        headers.append(
            tuple(
                Header(value=values[depth][lines[start, depth]], start=start, span=end - start)
                for start, end in zip(starts, ends, strict=True)
            )
        )
    return Side(axes=tuple(names), headers=tuple(headers), length=len(lines)), line_of_run.ravel()
