"""Which choices interact: a list of the strongest interactions, and the first of them in pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcbench.analysis.statistics.effects import (
    INTERACTING,
    Outcome,
    find_strongest_interactions,
    tabulate_effects_by_value,
)
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import METRICS
from dcbench.core.text import plural
from dcbench.figures.style.captions import add_note, describe_rules, describe_sample, format_axis_value, shorten, wrap
from dcbench.figures.style.encoding import (
    MARGIN_BAND,
    VERDICT_STYLES,
    get_colour,
    get_marker,
    get_marker_face,
    make_verdict_handles,
)
from dcbench.figures.style.marks import GUIDE_LINE, add_legend, stack_row_labels, write_row_labels
from dcbench.figures.style.noise import describe_floor, draw_floor_band, make_band_handle
from dcbench.figures.style.theme import GREY, INK, TEXT_SIZE

FACTS = {
    "title": "Which choices interact",
    "caption": "Left: how much the effect of a swap differs between two values of another axis, all else equal; of "
    "each two axes the values where it differs most, those with a verdict first. Bars: 95 % interval over the seeds. "
    "Shaded: the margin within which the effects count as the same. The verdicts higher and lower are corrected for "
    "all interactions of the metric (Holm); same rests on the 90 % interval. Right: the effect of the first swaps in "
    "the list at each value of the other axis; a level line means no interaction.",
    "per_axis": False,
}

MAX_LISTED = 14
"""Interactions in the list."""

LABEL_WIDTH = 2.0
"""Width in inches of the lines that name an interaction."""


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """How much the effect of a swap differs between two values of another axis.

    `swap` and `other` are an axis and two of its values. `row` is the interaction's row of the table.
    """

    swap: tuple[str, Any, Any]
    other: tuple[str, Any, Any]
    row: Any

    @classmethod
    def from_row(cls, row: Any, analysis: Analysis) -> Interaction:
        """Choose which of the two axes is swapped; the difference is the same either way."""
        first, second = (row.axis, row.before, row.after), (row.with_axis, row.with_before, row.with_after)
        # The effect depends on the dataset rather than the dataset on a choice; else on the axis of more values.
        ranks = [(axis == "dataset", len(analysis.axes[axis].values)) for axis in (row.axis, row.with_axis)]
        if ranks[0] > ranks[1]:
            return cls(swap=second, other=first, row=row)
        return cls(swap=first, other=second, row=row)

    def name_swap(self, analysis: Analysis) -> str:
        """Return the swap in words."""
        axis, before, after = self.swap
        old, new = format_axis_value(analysis, axis, before), format_axis_value(analysis, axis, after)
        return f"{shorten(axis, 60)}: {old} \u2192 {new}"

    def name_values(self, analysis: Analysis) -> str:
        """Return the two values of the other axis in words."""
        axis, before, after = self.other
        old, new = format_axis_value(analysis, axis, before), format_axis_value(analysis, axis, after)
        return f"{shorten(axis, 60)} {new} against {old}"


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw the list of interactions and, to its right, up to four of them in detail."""
    outcome = analysis.outcome_by_name.get(analysis.quality)
    table = find_strongest_interactions(analysis.interactions, outcome) if outcome else analysis.interactions
    if outcome is None or table.empty:
        return None
    interactions = [Interaction.from_row(row, analysis) for row in table.itertuples()]
    strongest = interactions[:MAX_LISTED]
    names = [(interaction.name_swap(analysis), interaction.name_values(analysis)) for interaction in strongest]
    labels = stack_row_labels(names, LABEL_WIDTH)

    # One, two or four pictures beside the list
    across, down = 1 + (len(interactions) > 1), 1 + (len(interactions) > 2)
    height = max(1.75 * down, (labels[-1].top + labels[-1].height) / 72)
    figure = Figure(figsize=(5.2 + 2.15 * across, 1.0 + height), layout="constrained")
    grid = figure.add_gridspec(down, 1 + across, width_ratios=[1.05, *[1] * across])

    # The list: the noise floor, the margin, the line of no difference, and the differences with their intervals
    panel = figure.add_subplot(grid[:, 0])
    floor = analysis.find_floor(outcome.name)
    # A difference of two differences has twice the variance.
    draw_floor_band(panel, floor and math.sqrt(2) * floor)
    panel.axvspan(-outcome.scaled_margin, outcome.scaled_margin, **MARGIN_BAND)
    panel.axvline(0, color=INK, lw=0.8)
    write_row_labels(panel, labels)
    for label, row in zip(labels, (interaction.row for interaction in strongest), strict=True):
        colour, sign = VERDICT_STYLES[row.verdict]
        panel.axhline(label.centre, **GUIDE_LINE)
        panel.hlines(label.centre, row.low, row.high, color=colour, lw=1.8)
        face = get_marker_face(row.verdict)
        panel.plot(row.mean, label.centre, color=colour, marker=sign, mfc=face, ms=5, zorder=3)
    panel.grid(axis="y", visible=False)
    panel.locator_params(axis="x", nbins=4)
    panel.set_xlabel(f"difference of two effects\non {METRICS[outcome.name].label}")

    # The pictures, all on one scale, so that a small difference looks small
    pictures = grid[:, 1:].subgridspec(down, across)
    first = None
    for index, interaction in enumerate(interactions[: across * down]):
        panel = figure.add_subplot(pictures[divmod(index, across)], sharey=first)
        first = first or panel
        draw_picture(panel, analysis, interaction, outcome)
        if index % across == 0:
            panel.set_ylabel(wrap(f"change of {METRICS[outcome.name].label}", 1.3, TEXT_SIZE))

    # The legend, and the note: how many axes interact, and what the differences rest on
    handles = make_verdict_handles(table["verdict"].head(MAX_LISTED))
    more = "; hatched, to the left the largest times \u221a2, since four runs make a difference of two effects"
    floor_note = describe_floor(analysis, outcome.name, more)
    add_legend(figure, [*handles, *([make_band_handle()] if floor_note else [])])
    interacting = int(table["verdict"].isin(INTERACTING).sum())
    result = f"For {interacting} of {plural(len(table), 'pair')} of axes the interaction is significant."
    if table["verdict"].eq("too few seeds").all():
        result = (
            "With fewer than three seeds there is neither interval nor verdict: the largest differences come first."
        )
    rest = f"The list shows the first {MAX_LISTED}; all are in the table." if len(table) > MAX_LISTED else ""
    sample = f"Each difference over {describe_sample(table)}."
    add_note(figure, result, rest, sample, floor_note, describe_rules(analysis, [outcome.name]), grow=True)
    return figure


def draw_picture(panel: Axes, analysis: Analysis, interaction: Interaction, outcome: Outcome) -> None:
    """Draw the effect of an interaction's swap at each value of its other axis."""
    name = interaction.other[0]
    effects = tabulate_effects_by_value(analysis.finals, analysis.axis_values, interaction.swap, name, outcome)
    # The noise floor of each dataset or the largest, the margin, and the line of no effect
    for place, value in enumerate(effects["value"]):
        span = (place / len(effects), (place + 1) / len(effects))
        floor = analysis.find_floor(outcome.name, value if name == "dataset" else None)
        draw_floor_band(panel, floor, "y", span)
    panel.axhspan(-outcome.scaled_margin, outcome.scaled_margin, **MARGIN_BAND)
    panel.axhline(0, color=INK, lw=0.8)
    # A line through the effects: level where the axes do not interact
    panel.plot(range(len(effects)), effects["mean"], color=GREY, lw=1, zorder=1)
    for place, row in enumerate(effects.to_dict("records")):
        colour, sign = get_colour(analysis, name, row["value"]), get_marker(analysis, name, row["value"])
        panel.vlines(place, row["low"], row["high"], color=colour, lw=1.8)
        panel.plot(place, row["mean"], color=colour, marker=sign, ms=5)
    # The values, upright where they would not fit side by side
    texts = [format_axis_value(analysis, name, value, 14) for value in effects["value"]]
    upright = sum(map(len, texts)) + 2 * len(texts) > 28
    panel.set_xticks(range(len(texts)), texts, rotation=90 if upright else 0)
    panel.set_xlim(-0.5, len(texts) - 0.5)
    panel.grid(axis="x", visible=False)
    panel.locator_params(axis="y", nbins=5)
    panel.set_title(wrap(interaction.name_swap(analysis), 1.7, TEXT_SIZE))
    panel.set_xlabel(wrap(shorten(name, 60), 1.9, TEXT_SIZE))
