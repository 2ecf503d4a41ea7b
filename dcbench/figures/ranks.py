"""Critical-difference diagrams: how the values of an axis rank over the cells, and which ranks cannot be told apart."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcbench.analysis.statistics.ranks import Ranking
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import METRICS
from dcbench.core.text import plural
from dcbench.figures.style.captions import add_note, format_axis_value, wrap
from dcbench.figures.style.encoding import get_style
from dcbench.figures.style.theme import GREY, INK, SMALL_SIZE, TEXT_SIZE

FACTS = {
    "title": "Ranks of the values",
    "caption": "Mean rank of each value of an axis, 1 the best: over the cells of all other axes with their seeds "
    "averaged or, with ten seeds or more, over the seeds. Only seeds are drawn anew, so only their ranks are tested: "
    "bars join values that differ by less than Nemenyi's critical difference (5 %, Demsar 2006). An axis of two values "
    "has no ranks, because its effect compares them already.",
    "per_axis": False,
}

LINE_HEIGHT = 0.2
"""Inches between two labels."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw a diagram by the quality for each axis of at least three values."""
    rankings = [ranking for ranking in analysis.rankings if ranking.metric == analysis.quality]
    if not rankings:
        return None
    # A diagram holds half the values on either side, a line for each clique, and a sentence if ranks are not compared
    heights = []
    for ranking in rankings:
        lines = (len(ranking.ranks) + 1) // 2 + len(ranking.cliques)
        heights.append(0.85 + LINE_HEIGHT * lines + (0.3 if ranking.missing_reason else 0))
    figure = Figure(figsize=(7.5, sum(heights) + 0.5), layout="constrained")
    panels = figure.subplots(len(rankings), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, ranking in zip(panels, rankings, strict=True):
        draw_diagram(panel, analysis, ranking)
    left_out = sum(ranking.left_out for ranking in rankings)
    gaps = f"{plural(left_out, 'matched run')} left out so that every cell has every seed." if left_out else ""
    add_note(figure, f"By {METRICS[analysis.quality].label}, {analysis.describe_rule(analysis.quality)}.", gaps)
    return figure


def draw_diagram(panel: Axes, analysis: Analysis, ranking: Ranking) -> None:
    """Draw one diagram as in Demsar (2006): ranks along the top, the better values at the left, the worse at the right.

    Rows count downwards from the scale at 0.
    """
    values = sorted(ranking.ranks, key=lambda value: ranking.ranks[value])
    count, half, n_cliques = len(values), (len(values) + 1) // 2, len(ranking.cliques)
    bottom = half + n_cliques + (1.6 if ranking.missing_reason else 0.6)
    panel.set(xlim=(1 - 0.75 * (count - 1), count + 0.75 * (count - 1)), ylim=(bottom, -1.4))
    panel.axis("off")
    panel.set_title(f"{ranking.axis}: mean rank over {plural(ranking.blocks, ranking.unit)}", loc="left")

    # The scale of ranks
    panel.plot([1, count], [0, 0], color=INK, lw=0.8)
    for tick in range(1, count + 1):
        panel.plot([tick, tick], [-0.12, 0], color=INK, lw=0.8)
        panel.text(tick, -0.25, str(tick), ha="center", va="bottom", fontsize=SMALL_SIZE)

    # An elbow from the rank of each value down to its label, the outermost ranks nearest to the scale
    for index, value in enumerate(values):
        rank, is_better = ranking.ranks[value], index < half
        row = n_cliques + (index if is_better else count - 1 - index) + 0.6
        end = 1 - 0.08 * (count - 1) if is_better else count + 0.08 * (count - 1)
        style = get_style(analysis, ranking.axis, value)
        panel.plot([rank, rank, end], [0, row, row], color=GREY, lw=0.8)
        panel.plot([rank], [0], ls="", marker=style["marker"], color=style["color"], ms=5)
        gap, side = (-0.02, "right") if is_better else (0.02, "left")
        text = f"{format_axis_value(analysis, ranking.axis, value)}  {rank:.2f}"
        panel.text(end + gap * (count - 1), row, text, ha=side, va="center", fontsize=TEXT_SIZE)

    # Bars that join the values of a clique
    for row, clique in enumerate(ranking.cliques):
        ends = [ranking.ranks[clique[0]] - 0.03, ranking.ranks[clique[-1]] + 0.03]
        panel.plot(ends, [row + 0.45] * 2, color=GREY, lw=4, solid_capstyle="round")

    # The critical difference above the scale, or why there is none
    if ranking.missing_reason:
        text = wrap(f"No critical difference: {ranking.missing_reason}.", 7, SMALL_SIZE)
        panel.text(0, 0, text, transform=panel.transAxes, va="bottom", fontsize=SMALL_SIZE)
    else:
        end, text = 1 + ranking.critical, f"critical difference {ranking.critical:.2f}"
        panel.plot([1, end], [-1.0, -1.0], color=GREY, lw=2)
        panel.text(end + 0.05, -1.0, text, va="center", fontsize=SMALL_SIZE)
