"""The effect of swapping one value of an axis for another: a row for each swap, a panel for each metric."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import CLUSTERING, METRICS
from dcbench.figures import select_rows
from dcbench.figures.style.captions import add_note, describe_rules, describe_sample, format_axis_value, shorten, wrap
from dcbench.figures.style.encoding import MARGIN_BAND, VERDICT_STYLES, get_marker_face, make_verdict_handles
from dcbench.figures.style.marks import GUIDE_LINE, add_legend, stack_row_labels, write_row_labels
from dcbench.figures.style.noise import describe_floor, draw_floor_band, make_band_handle
from dcbench.figures.style.theme import GREY, INK, MAX_WIDTH, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "What each choice does",
    "caption": "Mean change when one value of an axis is swapped for another, all else equal: over pairs of runs that "
    "differ in nothing else but what the swap brings with it (small print). Bars: 95 % interval over the seeds, each "
    "seed averaged over the matched cells. Thin bars: the same for cells that are not in this matrix. Shaded: the "
    "margin within which two choices count as the same. A number with an arrow: an effect beyond the panel. The "
    "verdicts better and worse are corrected for all choices (Holm), the intervals are not, so an interval "
    "may exclude 0 although the verdict is cannot tell. The verdict same rests on the 90 % interval.",
    "per_axis": False,
}

MAX_VALUES = 3
"""An axis of at most this many values shows every two of them; of more, each against the first."""

MAX_JUMP = 3.0
"""An effect this many times as large as the next smaller one would flatten the panel: its number is written instead."""

FLOOR_MEANING = "the largest of them. It is for two single runs: a mean of many pairs can be certain within it"
"""What the hatched band shows, as the end of a sentence."""

LABEL_WIDTH = 2.1
"""Width in inches of the lines that name a swap."""

RATIO_TICKS = (10, 5, 3, 2, 1.5, 1.2, 1.1, 1.05, 1.02)
"""Possible ticks of a ratio, each with its inverse."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw a panel for each metric, from left to right, and in it an effect for each swap, from top to bottom."""
    # Where k varies, only scores that do not rise with it by themselves
    accuracy = "test_refit_cluster_accuracy" if "k" in analysis.results.varied else "cluster_accuracy"
    others = ["test_refit_nmi_true", accuracy] if analysis.ruler == "own" else ["nmi_true", "test_knn_accuracy"]
    metrics = [analysis.quality, *others, "feature_rank", "seconds", CLUSTERING]

    # The swaps: of an axis with many values only those from its first value
    parts = []
    for name, values in analysis.axis_values.items():
        part = analysis.effects[(analysis.effects["axis"] == name) & analysis.effects["metric"].isin(metrics)]
        parts.append(part if len(values) <= MAX_VALUES else select_rows(part, "before", values[0]))
    effects = pd.concat(parts) if parts else analysis.effects
    if effects.empty:
        return None
    effects = effects.assign(swap=effects.groupby(["axis", "before", "after"], sort=False, dropna=False).ngroup())

    # Their names, with what else a swap changes in small print
    names = []
    for row in effects.drop_duplicates("swap").sort_values("swap").to_dict("records"):
        before, after = (format_axis_value(analysis, row["axis"], row[side]) for side in ("before", "after"))
        brings = shorten(f"brings {row['brings']}", 120) if row["brings"] else ""
        names.append((f"{shorten(row['axis'], 60)}: {before} \u2192 {after}", brings))
    labels = stack_row_labels(names, LABEL_WIDTH)

    # The panels
    outcomes = [analysis.outcome_by_name[name] for name in metrics if name in set(effects["metric"])]
    size = (max(6.0, MAX_WIDTH - 1.15 * (6 - len(outcomes))), 1.4 + (labels[-1].top + labels[-1].height) / 72)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(outcomes), squeeze=False, sharey=True)[0]
    write_row_labels(panels[0], labels)
    for panel, outcome in zip(panels, outcomes, strict=True):
        rows, floor = effects[effects["metric"] == outcome.name], analysis.find_floor(outcome.name)
        draw_effects(panel, outcome, rows, [label.centre for label in labels], floor)

    # The legend
    handles = make_verdict_handles(effects["verdict"])
    if effects["other_cells_low"].notna().any():
        handles.append(Line2D([], [], color=GREY, lw=0.7, label="for other cells"))
    floor_note = describe_floor(analysis, analysis.quality, f"; hatched, {FLOOR_MEANING}")
    if floor_note:
        handles.append(make_band_handle())
    add_legend(figure, handles)

    # The note: which swaps are not shown, how much the effects rest on, and what they leave out
    sentences = []
    long_axes = [shorten(name, 60) for name, values in analysis.axis_values.items() if len(values) > MAX_VALUES]
    if long_axes:
        sentences.append(
            f"Each value of {', '.join(long_axes)} against the first; all pairs are in the table of effects."
        )
    sentences.append(f"Each effect over {describe_sample(effects)}.")
    pairs, planned = min(zip(effects["pairs"], effects["planned"], strict=True), key=lambda pair: pair[0] / pair[1])
    if pairs < planned:
        sentences.append(f"Of the planned pairs at least {pairs} of {planned} are in an effect.")
    if effects["verdict"].eq("too few seeds").any():
        sentences.append("With fewer than three seeds there is a point, but neither interval nor verdict.")
    sentences += [floor_note, describe_rules(analysis, [outcome.name for outcome in outcomes])]
    add_note(figure, *sentences, grow=True)
    return figure


def draw_effects(
    panel: Axes, outcome: Outcome, effects: pd.DataFrame, centres: Sequence[float], floor: float | None
) -> None:
    """Draw the effects on one metric at the centres of their rows; of a ratio the logarithms are drawn."""
    # The noise floor, the margin, and the line of no change
    draw_floor_band(panel, floor)
    panel.axvspan(-outcome.scaled_margin, outcome.scaled_margin, **MARGIN_BAND)
    panel.axvline(0, color=INK, lw=0.8)

    scaled = effects[["mean", "low", "high", "other_cells_low", "other_cells_high"]].astype(float)
    scaled = scaled.map(math.log) if outcome.ratio else scaled
    extents = scaled[["mean", "low", "high"]].abs().max(axis=1)
    reach = limit_reach(extents, outcome.scaled_margin)
    # Both ends of the band are seen, so that an effect at the edge is not taken for one within it, unless the largest
    # effect is far within.
    if floor and floor <= MAX_JUMP * max(reach, extents.max()):
        reach = max(reach, 1.05 * floor)
    rows = zip(scaled.to_dict("records"), effects["mean"], effects["verdict"], effects["swap"], strict=True)
    for effect, number, verdict, swap in rows:
        colour, marker = VERDICT_STYLES[verdict]
        centre, mean = centres[swap], effect["mean"]
        panel.axhline(centre, **GUIDE_LINE)
        if abs(mean) <= reach:
            # The interval, and a little below it that for other cells
            panel.hlines(centre, effect["low"], effect["high"], color=colour, lw=1.8)
            panel.hlines(centre + 5, effect["other_cells_low"], effect["other_cells_high"], color=colour, lw=0.7)
        else:
            # An effect beyond the panel: its number, and an arrow that shows on which side it lies
            text = f"{number:#.2g}" if outcome.ratio else f"{number:+#.2g}".replace("-", "\u2212")
            text = f"{text.rstrip('.')} \u2192" if mean > 0 else f"\u2190 {text.rstrip('.')}"
            side, offset = ("right", -6) if mean > 0 else ("left", 6)
            place: dict[str, Any] = {"textcoords": "offset points", "ha": side, "va": "center"}
            panel.annotate(text, (math.copysign(reach, mean), centre), (offset, 0), fontsize=SMALL_SIZE, **place)
        edge = min(max(mean, -reach), reach)
        panel.plot([edge], [centre], color=colour, marker=marker, ms=5, mfc=get_marker_face(verdict), ls="", zorder=3)

    # The scale, with no change in the middle and one tick on either side
    panel.set_xlim(-1.12 * reach, 1.12 * reach)
    panel.grid(axis="y", visible=False)
    if outcome.ratio:
        tick = next((ratio for ratio in RATIO_TICKS if math.log(ratio) <= reach), RATIO_TICKS[-1])
        panel.set_xticks([-math.log(tick), 0, math.log(tick)], [f"{1 / tick:.2g}", "1", f"{tick:g}"])
    else:
        # The largest 1, 2 or 5 times a power of ten within reach
        power = 10.0 ** math.floor(math.log10(reach))
        tick = next(step * power for step in (5, 2, 1) if step * power <= reach * 1.001)
        panel.set_xticks([-tick, 0, tick], [f"\u2212{tick:g}", "0", f"{tick:g}"])
    panel.set_title(wrap(METRICS[outcome.name].label, 1.15, TEXT_SIZE))
    direction = {"higher": "better \u2192", "lower": "\u2190 better", None: ""}[outcome.better]
    panel.set_xlabel(f"{'times as long' if outcome.ratio else 'change'}\n{direction}")


def limit_reach(extents: Iterable[float], margin: float) -> float:
    """Return how far a panel reaches: to the largest effect, unless it dwarfs at least half of the others."""
    ordered = sorted(max(extent, 1.5 * margin) for extent in extents)
    for count, (small, large) in enumerate(itertools.pairwise(ordered), start=1):
        if large > MAX_JUMP * small and 2 * count >= len(ordered):
            return small
    return ordered[-1]
