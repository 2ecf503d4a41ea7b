"""Critical-difference diagrams: how the values of an axis rank over the cells, and which ranks cannot be told apart."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcbench.analysis.statistics.ranks import Ranking
from dcbench.analysis.summary import Analysis, metric_spec
from dcbench.core.text import plural
from dcbench.figures.style.captions import add_note, format_axis_value, wrap
from dcbench.figures.style.encoding import get_style
from dcbench.figures.style.theme import GREY, INK, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "Ranks over the cells",
    "caption": "Mean rank of each value of an axis over the cells of all others, 1 the best; seeds are averaged in "
    "their cell. Bars join values whose ranks differ by less than Nemenyi's critical difference (5 %, Demsar 2006). "
    "An axis of two values has no ranks: its effect says all.",
    "per_axis": False,
}

LINE = 0.2
"""Inches between two labels."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """A diagram for each axis of three values or more, by the quality; a sentence where cells do not support it."""
    shown = [one for one in analysis.rankings if one.metric == analysis.quality]
    if not shown:
        return None
    heights = [_height(one) for one in shown]
    figure = Figure(figsize=(7.5, sum(heights) + 0.5), layout="constrained")
    panels = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, one in zip(panels, shown, strict=True):
        _diagram(panel, one, analysis)
    left_out = sum(one.left_out for one in shown)
    lost = plural(left_out, "matched run")
    words = f"{lost} left out so that every cell has every seed." if left_out else ""
    add_note(figure, f"By {metric_spec(analysis.quality).label}, {analysis.rule(analysis.quality)}.", words)
    return figure


def _height(one: Ranking) -> float:
    """Inches of a diagram: an axis, half the values on either side, and a sentence where there is one."""
    return 0.85 + LINE * ((len(one.ranks) + 1) // 2 + len(one.cliques)) + (0.3 if one.missing_reason else 0)


def _diagram(panel: Axes, one: Ranking, analysis: Analysis) -> None:
    """Ranks along the top, labels of the better half left, of the worse half right, cliques between."""
    values = sorted(one.ranks, key=lambda value: one.ranks[value])
    half = (len(values) + 1) // 2
    count, rows = len(values), half + len(one.cliques)
    panel.set(
        xlim=(1 - 0.75 * (count - 1), count + 0.75 * (count - 1)),
        ylim=(rows + (1.6 if one.missing_reason else 0.6), -1.4),
    )
    panel.axis("off")
    panel.set_title(f"{one.axis}: mean rank over {plural(one.blocks, 'cell')}", loc="left")
    panel.plot([1, count], [0, 0], color=INK, lw=0.8)
    for rank in range(1, count + 1):
        panel.plot([rank, rank], [-0.12, 0], color=INK, lw=0.8)
        panel.text(rank, -0.25, str(rank), ha="center", va="bottom", fontsize=SMALL_SIZE)
    for at, value in enumerate(values):
        better = at < half
        row = len(one.cliques) + (at if better else count - 1 - at) + 0.6
        _value(
            panel,
            (one.ranks[value], row),
            format_axis_value(analysis, one.axis, value),
            get_style(analysis, one.axis, value),
            better,
            count,
        )
    for row, clique in enumerate(one.cliques):
        ends = [one.ranks[clique[0]] - 0.03, one.ranks[clique[-1]] + 0.03]
        panel.plot(ends, [row + 0.45] * 2, color=GREY, lw=4, solid_capstyle="round")
    if one.missing_reason:
        text = wrap(f"No critical difference: {one.missing_reason}.", 7, SMALL_SIZE)
        panel.text(0, 0, text, transform=panel.transAxes, va="bottom", fontsize=SMALL_SIZE)
    else:
        panel.plot([1, 1 + one.critical], [-1.0, -1.0], color=GREY, lw=2)
        panel.text(
            1 + one.critical + 0.05, -1.0, f"critical difference {one.critical:.2f}", va="center", fontsize=SMALL_SIZE
        )


def _value(panel: Axes, at: tuple[float, float], text: str, look: dict[str, object], better: bool, count: int) -> None:
    """An elbow from the rank down to its label on the better or the worse side."""
    rank, row = at
    end = 1 - 0.08 * (count - 1) if better else count + 0.08 * (count - 1)
    panel.plot([rank, rank, end], [0, row, row], color=GREY, lw=0.8)
    panel.plot([rank], [0], ls="", marker=look["marker"], color=look["color"], ms=5)
    gap, side = (-0.02, "right") if better else (0.02, "left")
    panel.text(end + gap * (count - 1), row, f"{text}  {rank:.2f}", ha=side, va="center", fontsize=TEXT_SIZE)
