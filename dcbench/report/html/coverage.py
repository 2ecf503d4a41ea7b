"""The coverage map: every planned run as a square in a table of the axes' values, seeds innermost.

In: an Analysis. Out: a Map, whose headers span what they have in common. Cells that are not planned stay empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

from dcbench.analysis.summary import Analysis
from dcbench.audit.health import HEALTH_STATES
from dcbench.core.spec import format_value
from dcbench.report.html.run_table import reasons

WIDEST = 24
"""Columns of squares that the map has at most, unless the seeds alone are more."""

Key = tuple[str, ...]
Header = tuple[str, int]
"""A value, and how many columns or rows it spans."""


@dataclass(frozen=True)
class Square:
    """A planned run: its number in the table of runs, how it stands, and why."""

    number: int
    state: str
    why: str


@dataclass(frozen=True)
class Map:
    """`columns` and `rows` name the axes; `heads` has a line of headers for each column axis, `lines` the rows.

    A line is its headers (None where one from above still spans it) and its cells, each a list of squares.
    """

    rows: list[str]
    columns: list[str]
    heads: list[list[Header]]
    lines: list[tuple[list[Header | None], list[list[Square]]]]


def coverage(analysis: Analysis) -> Map:
    """The map of the planned runs; axes go to the columns from the last on while there is room."""
    runs = analysis.results.runs.reset_index(drop=True)
    columns = _columns(analysis, runs)
    rows = [name for name in analysis.axes if name not in columns]
    down, across = _keys(runs, rows), _keys(runs, columns)
    squares: dict[tuple[Key, Key], list[Square]] = {}
    for one, row, place in zip(squares_of(analysis), down, across, strict=True):
        squares.setdefault((row, place), []).append(one)
    places = _ordered(across, runs, columns)
    lines = _ordered(down, runs, rows)
    heads = [_spans(places, depth) for depth in range(len(columns))]
    return Map(rows, columns, heads, _lines(lines, places, squares))


def squares_of(analysis: Analysis) -> list[Square]:
    """A square for each planned run, in the plan's order."""
    runs = analysis.results.runs[["state", "kind", "reason", "health", "health_why"]].to_dict("records")
    return [_square(number, run) for number, run in enumerate(runs, start=1)]


def _square(number: int, run: Any) -> Square:
    """How a run stands: its health where it is done and not healthy, else its state, with kind and reason."""
    if run["state"] == "done":
        return Square(
            number, run["health"] if run["health"] in HEALTH_STATES[1:] else "done", reasons(run["health_why"])
        )
    return Square(number, run["state"], reasons(run["kind"], run["reason"]))


def _columns(analysis: Analysis, runs: pd.DataFrame) -> list[str]:
    columns, wide = ["seed"], runs["seed"].nunique()
    for name in reversed(analysis.axes):
        wide *= len(analysis.axes[name].values)
        if wide > WIDEST:
            break
        columns.insert(0, name)
    return columns


def _keys(runs: pd.DataFrame, names: Sequence[str]) -> list[Key]:
    """Each run's values of these fields, as text."""
    texts = [[format_value(None if pd.isna(value) else value) for value in runs[name]] for name in names]
    return list(zip(*texts, strict=True)) if texts else [()] * len(runs)


def _ordered(keys: Sequence[Key], runs: pd.DataFrame, names: Sequence[str]) -> list[Key]:
    """Each key once, by the place of its values in the plan's order, so that what begins alike stands together."""
    orders = [{text: place for place, text in enumerate(dict.fromkeys(texts))} for texts in zip(*keys, strict=True)]
    if "seed" in names:
        orders[-1] = {format_value(seed): place for place, seed in enumerate(sorted(runs["seed"].unique()))}
    return sorted(set(keys), key=lambda key: [order[text] for order, text in zip(orders, key, strict=True)])


def _spans(keys: Sequence[Key], depth: int) -> list[Header]:
    """The headers at one depth: values with how many keys in a row begin alike up to there."""
    return [(start[-1], len(list(group))) for start, group in groupby(keys, key=lambda key: key[: depth + 1])]


def _lines(
    keys: Sequence[Key], places: Sequence[Key], squares: dict[tuple[Key, Key], list[Square]]
) -> list[tuple[list[Header | None], list[list[Square]]]]:
    heads: list[list[Header | None]] = [[] for _ in keys]
    for depth in range(len(keys[0]) if keys else 0):
        at = 0
        for header in _spans(keys, depth):
            heads[at].append(header)
            for later in heads[at + 1 : at + header[1]]:
                later.append(None)
            at += header[1]
    cells: list[list[Any]] = [[squares.get((key, place), []) for place in places] for key in keys]
    return list(zip(heads, cells, strict=True))
