"""What swapping one value for another does, all else equal: a row for each swap, a panel for each metric."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import CLUSTERING
from dcbench.analysis.summary import Analysis, metric_spec
from dcbench.figures import has_value
from dcbench.figures.style.captions import add_note, describe_rules, describe_sample, format_axis_value, shorten, wrap
from dcbench.figures.style.encoding import (
    MARGIN_BAND,
    VERDICT_STYLES,
    get_marker_face,
    make_verdict_handles,
)
from dcbench.figures.style.marks import GUIDE_LINE, add_legend, stack_row_labels, write_row_labels
from dcbench.figures.style.theme import GREY, INK, MAX_WIDTH, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "What each choice does",
    "caption": "Mean change when one value of an axis is swapped for another, all else equal: over pairs of runs that "
    "differ in nothing else but what the swap brings along (small print). Bars: 95 % interval over the seeds, each "
    "seed averaged over the matched cells. Thin bars: the same for cells that are not in this matrix. Shaded: the "
    "margin within which two choices count as the same. A number with an arrow: an effect beyond the panel. Better "
    "and worse are corrected for all swaps of the metric (Holm), intervals are not: one may exclude no change, and the "
    "verdict still be cannot tell. Same goes by the 90 % interval.",
    "per_axis": False,
}

ALL_PAIRS = 3
"""Values up to which every two of an axis are shown; of more, each against the first."""

JUMP = 3.0
"""An effect so many times as large as the next smaller one would flatten the panel: it is told at the edge."""

LABELS = 2.1
"""Inches of a line of the swaps' names."""

RATIOS = (10, 5, 3, 2, 1.5, 1.2, 1.1, 1.05, 1.02)
"""What may stand at the ticks of a ratio, both ways."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Swaps from top to bottom, metrics from left to right."""
    effects = _chosen(analysis)
    if effects.empty:
        return None
    swaps = stack_row_labels(_names(effects.drop_duplicates("swap").sort_values("swap"), analysis), LABELS)
    there = set(effects["metric"])
    outcomes = [one for name in _metrics(analysis) for one in analysis.outcomes if one.name == name and name in there]
    size = (max(6.0, MAX_WIDTH - 1.15 * (6 - len(outcomes))), 1.4 + (swaps[-1].top + swaps[-1].height) / 72)
    figure = Figure(figsize=size, layout="constrained")
    add_note(
        figure,
        _abridged(analysis),
        _counts(effects),
        describe_rules(analysis, [one.name for one in outcomes]),
        grow=True,
    )
    panels = figure.subplots(1, len(outcomes), squeeze=False, sharey=True)[0]
    write_row_labels(panels[0], swaps)
    for panel, outcome in zip(panels, outcomes, strict=True):
        _panel(panel, outcome, effects[effects["metric"] == outcome.name], [swap.centre for swap in swaps])
    add_legend(figure, _handles(effects))
    return figure


def _metrics(analysis: Analysis) -> list[str]:
    """Where k varies the scores that do not rise with it by themselves."""
    accuracy = "test_refit_cluster_accuracy" if "k" in analysis.results.varied else "cluster_accuracy"
    return [analysis.quality, "test_refit_nmi_true", accuracy, "feature_rank", "seconds", CLUSTERING]


def _chosen(analysis: Analysis) -> pd.DataFrame:
    """The effects to show, `swap` their row; of an axis of many values each against the first."""
    parts = []
    for axis, values in analysis.axis_values.items():
        mine = analysis.effects[
            (analysis.effects["axis"] == axis) & analysis.effects["metric"].isin(_metrics(analysis))
        ]
        parts.append(mine if len(values) <= ALL_PAIRS else mine[has_value(mine["before"], values[0])])
    effects = pd.concat(parts) if parts else analysis.effects
    rows = effects.groupby(["axis", "before", "after"], sort=False, dropna=False).ngroup()
    return effects.assign(swap=rows)


def _names(heads: pd.DataFrame, analysis: Analysis) -> list[tuple[str, str]]:
    """Each swap, and what it brings along."""
    names = []
    for row in heads.to_dict("records"):
        before, after = (format_axis_value(analysis, row["axis"], row[side]) for side in ("before", "after"))
        brings = shorten(f"brings {row['brings']}", 120) if row["brings"] else ""
        names.append((f"{shorten(row['axis'], 60)}: {before} \u2192 {after}", brings))
    return names


# --- a panel --------------------------------------------------------------------------------


def _panel(panel: Axes, outcome: Outcome, effects: pd.DataFrame, places: list[float]) -> None:
    """One metric's effects; of a ratio the logarithms are drawn."""
    panel.axvspan(-outcome.width, outcome.width, **MARGIN_BAND)
    panel.axvline(0, color=INK, lw=0.8)
    told = [_Effect.of(row, outcome) for row in effects.to_dict("records")]
    reach = _reach([one.extent for one in told], outcome.width)
    for one in told:
        _effect(panel, one, places[one.swap], reach)
    panel.set_xlim(-1.12 * reach, 1.12 * reach)
    panel.grid(axis="y", visible=False)
    if outcome.ratio:
        step = next((step for step in RATIOS if math.log(step) <= reach), RATIOS[-1])
        panel.set_xticks([-math.log(step), 0, math.log(step)], [f"{1 / step:.2g}", "1", f"{step:g}"])
    else:
        step = _round(reach)
        panel.set_xticks([-step, 0, step], [f"\u2212{step:g}", "0", f"{step:g}"])
    panel.set_title(wrap(metric_spec(outcome.name).label, 1.15, TEXT_SIZE))
    towards = {"higher": "better \u2192", "lower": "\u2190 better", None: ""}[outcome.better]
    panel.set_xlabel(f"{'times as long' if outcome.ratio else 'change'}\n{towards}")


@dataclass(frozen=True)
class _Effect:
    """An effect on the scale of the panel."""

    swap: int
    verdict: str
    mean: float
    low: float
    high: float
    others: tuple[float, float]
    text: str

    @classmethod
    def of(cls, row: dict[Any, Any], outcome: Outcome) -> _Effect:
        """From a line of the table."""
        names = ("mean", "low", "high", "other_cells_low", "other_cells_high")
        mean, low, high, *others = (math.log(row[name]) if outcome.ratio else row[name] for name in names)
        text = f"{row['mean']:#.2g}" if outcome.ratio else f"{row['mean']:+#.2g}".replace("-", "\u2212")
        return cls(row["swap"], row["verdict"], mean, low, high, (others[0], others[1]), text.rstrip("."))

    @property
    def extent(self) -> float:
        """How far from no change it goes."""
        return max(abs(one) for one in (self.mean, self.low, self.high) if not math.isnan(one))


def _reach(extents: list[float], margin: float) -> float:
    """How far the panel goes: to the largest effect, unless it dwarfs most of the others."""
    ordered = sorted(max(extent, 1.5 * margin) for extent in extents)
    for place, (small, large) in enumerate(itertools.pairwise(ordered), start=1):
        if large > JUMP * small and 2 * place >= len(ordered):
            return small
    return ordered[-1]


def _round(reach: float) -> float:
    """The largest 1, 2 or 5 times a power of ten up to it."""
    power = 10.0 ** math.floor(math.log10(reach))
    return next(step * power for step in (5, 2, 1) if step * power <= reach * 1.001)


def _effect(panel: Axes, one: _Effect, place: float, reach: float) -> None:
    colour, marker = VERDICT_STYLES[one.verdict]
    panel.axhline(place, **GUIDE_LINE)
    if abs(one.mean) > reach:
        _beyond(panel, one, place, math.copysign(reach, one.mean))
    else:
        panel.hlines(place, one.low, one.high, color=colour, lw=1.8)
        panel.hlines(place + 5, *one.others, color=colour, lw=0.7)
    at = min(max(one.mean, -reach), reach)
    panel.plot([at], [place], color=colour, marker=marker, ms=5, mfc=get_marker_face(one.verdict), ls="", zorder=3)


def _beyond(panel: Axes, one: _Effect, place: float, edge: float) -> None:
    """An effect that the panel does not reach: its number, and which way it lies."""
    text, side = (f"{one.text} \u2192", "right") if edge > 0 else (f"\u2190 {one.text}", "left")
    offset = (-6 if edge > 0 else 6, 0)
    panel.annotate(text, (edge, place), offset, textcoords="offset points", fontsize=SMALL_SIZE, ha=side, va="center")


# --- words ----------------------------------------------------------------------------------


def _handles(effects: pd.DataFrame) -> list[Artist]:
    handles = make_verdict_handles(effects["verdict"])
    if effects["other_cells_low"].notna().any():
        handles.append(Line2D([], [], color=GREY, lw=0.7, label="for other cells"))
    return handles


def _abridged(analysis: Analysis) -> str:
    """Which axes do not show all their pairs."""
    long = [axis for axis, values in analysis.axis_values.items() if len(values) > ALL_PAIRS]
    named = ", ".join(shorten(axis, 60) for axis in long)
    return f"Each value of {named} against the first; all pairs stand in the table of effects." if long else ""


def _counts(effects: pd.DataFrame) -> str:
    """How many cells and seeds the effects stand on, and what was left out of them."""
    told = [f"Each effect over {describe_sample(effects)}."]
    pairs, planned = min(zip(effects["pairs"], effects["planned"], strict=True), key=lambda both: both[0] / both[1])
    if pairs < planned:
        told.append(f"Of the planned pairs at least {pairs} of {planned} are in an effect.")
    if effects["verdict"].eq("too few seeds").any():
        told.append("Under three seeds there is a point, and neither interval nor verdict.")
    return " ".join(told)
