"""Figures of a matrix: each file in this package is a plug-in that draws one kind of figure.

In: an analysis, and the axis to draw along. Out: a matplotlib figure with a note beneath it, or None.

To add a figure, write one file, here or in the `figures` folder of your own plug-ins. Its name is the figure's name.

    FACTS = {
        "title": "Results against the amount",  # the heading; "by AXIS" follows in a figure of one axis
        "caption": "Thick: the mean ...",       # what each mark means, whatever the matrix; ends with a full stop
        "per_axis": True,                       # drawn once for each axis; False: once for the whole matrix
        "axes": "numeric",                      # optional: only along axes whose values are amounts
        "needs": "plan",                        # optional: drawn even before any run is finished
    }

    def draw(analysis: Analysis, axis: str | None) -> Figure | None: ...

FACTS is a literal: it is read without importing the file. `axis` is the name of an axis, or None for the whole matrix,
which a `per_axis` figure gets too when nothing varies. None instead of a figure means that there is nothing to show,
such as ranks in a matrix without an axis of three values: the report leaves the figure out. Make figures with
`matplotlib.figure.Figure(layout="constrained")`, which needs no window, at most `theme.MAX_WIDTH` wide. Do not change
the frames: the next figure reads them too. `analysis` offers:

    axes            name -> Axis: its `values` in the order of the plan, `is_numeric`, `is_condition` (a dataset)
    quality         the metric to show when there is room for one
    outcomes        the metrics that have effects: `name`, `better`, `margin`; of a `ratio` logarithms are compared
    results.runs    one row per planned run: run_id, every field of the spec, state, reason, health, timing, seconds
    results.rows    one row per finished run and epoch: the columns of metrics.csv, and those of `runs`
    finals          one row per finished run: every metric as one number, by `rule(metric)`, and those of `runs`;
                    of repeat 0 alone, while `all_finals` has every repeat
    planned         the rows of `results.runs` of repeat 0
    find_floor      how far two runs of the same experiment differ in a metric, on a dataset or on all; may be None
    effects         one row per metric and two values of an axis: axis, before, after, mean, low, high, verdict, pairs
    interactions    the same for two axes: with_axis, with_before, with_after
    levels          one row per metric and value of an axis: axis, value, mean, low, high, cells, seeds, left_out
    references      one row per metric, value, dataset and baseline: axis, value, dataset, level, metric, mean
    rankings        mean ranks of axes with at least three values
    stability       one row per finished run: the axes, epochs_watched, reached

`style` keeps figures alike: `encoding.get_style` gives the colour, marker and line of a value in every figure;
`captions.format_axis_value`, `shorten` and `wrap` make texts that fit; `marks` has single runs, the legend and row
labels; `noise` draws the noise floor, as a band where the axis is a difference and as a bar where it is the score;
`theme` has colours and sizes. The note says what the numbers rest on in this matrix: how many cells and seeds, what was
left out, by which rule. Write it with `captions.add_note(figure, *sentences)`; `captions.describe_means`,
`describe_sample`, `describe_rules`, `describe_timing` and `noise.describe_floor` make its sentences.
`dcbench check-plugin FILE` tests a file.

Imports: registry, core, audit, analysis, parity.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from dcbench.analysis.summary import Analysis


def choose_axes(facts: Mapping[str, Any], analysis: Analysis) -> list[str | None]:
    """Return the axes along which a figure with these FACTS is drawn: [None] is the whole matrix, [] is nothing."""
    if analysis.results.rows.empty and facts.get("needs") != "plan":
        return []
    if not facts["per_axis"]:
        return [None]
    numeric = facts.get("axes") == "numeric"
    axes: list[str | None] = [name for name, axis in analysis.axes.items() if axis.is_numeric or not numeric]
    # Without any axis a figure can still show all runs together, but not against an amount.
    return axes if axes or numeric else [None]


def find_varied(analysis: Analysis, *names: str) -> str | None:
    """Return the first of these fields that is an axis of the matrix, or None."""
    return next((name for name in names if name in analysis.axes), None)


def list_values(analysis: Analysis, axis: str | None) -> Sequence[Any]:
    """Return the values of an axis; `(None,)` for the whole matrix."""
    return (None,) if axis is None else analysis.axes[axis].values


def has_value(column: pd.Series, value: object) -> pd.Series:
    """Return a mask of the rows with a value; None matches missing entries, which pandas equals with nothing."""
    return column.isna() if value is None else column == value


def select_rows(frame: pd.DataFrame, axis: str | None, value: object) -> pd.DataFrame:
    """Return the rows with a value of an axis; all rows for the whole matrix."""
    return frame if axis is None else frame[has_value(frame[axis], value)]


def select_references(
    analysis: Analysis, axis: str | None, value: object, metric: str, datasets: Collection[object]
) -> dict[str, float]:
    """Return the mean score of each baseline level that belongs to a value of an axis, on some datasets."""
    table = analysis.references
    table = table[has_value(table["axis"], axis) & has_value(table["value"], value) & (table["metric"] == metric)]
    table = table[table["dataset"].isin(list(datasets))]
    return dict(zip(table["level"], table["mean"], strict=True))
