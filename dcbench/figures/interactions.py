"""Which two choices act on each other: a list of the strongest interactions, and the first of them in pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecBase

from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.interactions import INTERACTING, find_strongest_interactions, tabulate_effects_by_value
from dcbench.analysis.summary import Analysis, metric_spec
from dcbench.core.text import plural
from dcbench.figures.style.captions import (
    add_note,
    describe_rules,
    describe_sample,
    format_axis_value,
    shorten,
    wrap,
)
from dcbench.figures.style.encoding import (
    MARGIN_BAND,
    VERDICT_STYLES,
    get_colour,
    get_marker,
    get_marker_face,
    make_verdict_handles,
)
from dcbench.figures.style.marks import GUIDE_LINE, RowLabel, add_legend, stack_row_labels, write_row_labels
from dcbench.figures.style.theme import GREY, INK, TEXT_SIZE

FACTS = {
    "title": "Which choices act on each other",
    "caption": "Left: how much the effect of a swap differs between two values of another axis, all else equal; of "
    "each two axes the values where it differs most, those with a verdict first. Bars: 95 % interval over the seeds. "
    "Shaded: the margin within which the effects count as the same. Higher and lower are corrected for all "
    "interactions of the metric (Holm); same goes by the 90 % interval. Right: the effect of the first swaps of the "
    "list at each value of the other axis; a level line is no interaction.",
    "per_axis": False,
}

MOST = 14
"""Pairs of axes in the list."""

LABELS = 2.0
"""Inches of a line of the list's names."""


@dataclass(frozen=True)
class _Pair:
    """A swap, two values of another axis, and how much the swap's effect differs between them."""

    swap: tuple[str, Any, Any]
    other: tuple[str, Any, Any]
    told: Any

    @classmethod
    def of(cls, row: Any, analysis: Analysis) -> _Pair:
        """The dataset is what a swap's effect depends on, else the axis of more values; the difference is the same."""
        one, two = (row.axis, row.before, row.after), (row.with_axis, row.with_before, row.with_after)
        sizes = [len(analysis.axes[name].values) for name in (row.axis, row.with_axis)]
        turned = (one[0] == "dataset", sizes[0]) > (two[0] == "dataset", sizes[1])
        return cls(two, one, row) if turned else cls(one, two, row)

    def name(self, analysis: Analysis) -> str:
        """The swap."""
        axis, before, after = self.swap
        return f"{shorten(axis, 60)}: {format_axis_value(analysis, axis, before)} \u2192 {format_axis_value(analysis, axis, after)}"

    def where(self, analysis: Analysis) -> str:
        """The values that its effect is compared at."""
        axis, before, after = self.other
        return f"{shorten(axis, 60)} {format_axis_value(analysis, axis, after)} against {format_axis_value(analysis, axis, before)}"


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """The list at the left, up to four pictures at the right."""
    outcome = next((one for one in analysis.outcomes if one.name == analysis.quality), None)
    table = find_strongest_interactions(analysis.interactions, outcome) if outcome else analysis.interactions
    if outcome is None or table.empty:
        return None
    pairs = [_Pair.of(row, analysis) for row in table.itertuples()]
    across, down = 1 + (len(pairs) > 1), 1 + (len(pairs) > 2)
    rows = stack_row_labels([(pair.name(analysis), pair.where(analysis)) for pair in pairs[:MOST]], LABELS)
    tall = max(1.75 * down, (rows[-1].top + rows[-1].height) / 72)
    figure = Figure(figsize=(5.2 + 2.15 * across, 1.0 + tall), layout="constrained")
    add_note(
        figure,
        _verdicts(table),
        f"Each difference over {describe_sample(table)}.",
        describe_rules(analysis, [outcome.name]),
        grow=True,
    )
    grid = figure.add_gridspec(down, 1 + across, width_ratios=[1.05, *[1] * across])
    _list(figure.add_subplot(grid[:, 0]), outcome, pairs[:MOST], rows)
    _pictures(figure, grid[:, 1:].subgridspec(down, across), outcome, pairs[: across * down], analysis)
    add_legend(figure, make_verdict_handles(table["verdict"].head(MOST)))
    return figure


def _list(panel: Axes, outcome: Outcome, pairs: list[_Pair], rows: list[RowLabel]) -> None:
    panel.axvspan(-outcome.width, outcome.width, **MARGIN_BAND)
    panel.axvline(0, color=INK, lw=0.8)
    write_row_labels(panel, rows)
    for row, pair in zip(rows, pairs, strict=True):
        ink, sign = VERDICT_STYLES[pair.told.verdict]
        panel.axhline(row.centre, **GUIDE_LINE)
        panel.hlines(row.centre, pair.told.low, pair.told.high, color=ink, lw=1.8)
        panel.plot(
            pair.told.mean, row.centre, color=ink, marker=sign, mfc=get_marker_face(pair.told.verdict), ms=5, zorder=3
        )
    panel.grid(axis="y", visible=False)
    panel.locator_params(axis="x", nbins=4)
    panel.set_xlabel(f"difference of two effects\non {metric_spec(outcome.name).label}")


# --- pictures -------------------------------------------------------------------------------


def _pictures(figure: Figure, grid: GridSpecBase, outcome: Outcome, pairs: list[_Pair], analysis: Analysis) -> None:
    """All on one scale, so that a difference that is nothing looks like nothing."""
    first = None
    for place, pair in enumerate(pairs):
        panel = figure.add_subplot(grid[divmod(place, grid.ncols)], sharey=first)
        first = first or panel
        _picture(panel, outcome, pair, analysis)
        if place % grid.ncols == 0:
            panel.set_ylabel(wrap(f"change of {metric_spec(outcome.name).label}", 1.3, TEXT_SIZE))


def _picture(panel: Axes, outcome: Outcome, pair: _Pair, analysis: Analysis) -> None:
    """The effect of the pair's swap at each value of its other axis."""
    name = pair.other[0]
    effects = tabulate_effects_by_value(analysis.finals, analysis.axis_values, pair.swap, name, outcome)
    panel.axhspan(-outcome.width, outcome.width, **MARGIN_BAND)
    panel.axhline(0, color=INK, lw=0.8)
    panel.plot(range(len(effects)), effects["mean"], color=GREY, lw=1, zorder=1)
    for place, row in enumerate(effects.to_dict("records")):
        ink, sign = get_colour(analysis, name, row["value"]), get_marker(analysis, name, row["value"])
        panel.vlines(place, row["low"], row["high"], color=ink, lw=1.8)
        panel.plot(place, row["mean"], color=ink, marker=sign, ms=5)
    words = [format_axis_value(analysis, name, value, 14) for value in effects["value"]]
    upright = sum(map(len, words)) + 2 * len(words) > 28
    panel.set_xticks(range(len(words)), words, rotation=90 if upright else 0)
    panel.set_xlim(-0.5, len(words) - 0.5)
    panel.grid(axis="x", visible=False)
    panel.locator_params(axis="y", nbins=5)
    panel.set_title(wrap(pair.name(analysis), 1.7, TEXT_SIZE))
    panel.set_xlabel(wrap(shorten(name, 60), 1.9, TEXT_SIZE))


def _verdicts(table: pd.DataFrame) -> str:
    acting = int(table["verdict"].isin(INTERACTING).sum())
    told = f"{acting} of {plural(len(table), 'pair')} of axes can be told to act on each other."
    if table["verdict"].eq("too few seeds").all():
        told = "Under three seeds there is neither interval nor verdict: the largest differences come first."
    return told + (f" The list shows the first {MOST}; all stand in the table." if len(table) > MOST else "")
