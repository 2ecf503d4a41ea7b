"""How many epochs pass until the assignments settle, for each value of an axis."""

from __future__ import annotations

import math

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dcbench.analysis.statistics.stability import SETTLED_NMI, estimate_unsettled_share, median_settling_epoch
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import COLUMNS
from dcbench.core.text import plural
from dcbench.figures import list_values, select_rows
from dcbench.figures.style.captions import add_note, format_axis_value
from dcbench.figures.style.encoding import get_colour, get_line_style
from dcbench.figures.style.marks import add_legend

FACTS = {
    "title": "When assignments settle",
    "caption": "Share of runs whose assignments still move: whose NMI epoch to epoch does not yet stay at or above the "
    "level. The steps are Kaplan and Meier's estimate; a tick marks runs that ended before they settled. Stability is "
    "not quality: a collapsed network can be stable.",
    "per_axis": True,
}


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw a step line for each value in one panel; None where no run ever settles."""
    if not analysis.stability["reached"].any():
        return None
    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    panel = figure.subplots()
    handles = []
    for value in list_values(analysis, axis):
        runs = select_rows(analysis.stability, axis, value)
        style = {"color": get_colour(analysis, axis, value), "ls": get_line_style(analysis, axis, value)}
        # The steps, prolonged to the last epoch that a run was watched
        steps = estimate_unsettled_share(runs)
        end = float(runs["epochs_watched"].max()) if len(runs) else 0.0
        panel.step([*steps["epoch"], end], [*steps["share"], steps["share"].iloc[-1]], where="post", lw=1.8, **style)
        # A tick wherever a run ended before it settled: it is censored there
        for epoch in sorted(set(runs.loc[~runs["reached"], "epochs_watched"])):
            share = steps.loc[steps["epoch"] <= epoch, "share"].iloc[-1]
            panel.plot([epoch], [share], marker="|", ms=8, color=style["color"])
        # The label: how many runs settled, and when half of them had
        name = "all runs" if axis is None else format_axis_value(analysis, axis, value)
        half = median_settling_epoch(runs) if len(runs) else math.nan
        count = f"{runs['reached'].sum()} of {plural(len(runs), 'run')} settled" if len(runs) else "no finished run"
        label = f"{name}: {count}" + ("" if math.isnan(half) else f", half by epoch {half:g}")
        handles.append(Line2D([], [], lw=1.8, label=label, **style))
    panel.set(xlabel=COLUMNS["epoch"].axis_label, ylabel="share of runs still moving", ylim=(-0.03, 1.05))
    panel.set_xlim(left=0)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    add_legend(figure, handles)
    level = f"{COLUMNS['nmi_previous'].label} of {SETTLED_NMI:g} or above to the end, in two rows at least"
    pooled = "All finished runs" if analysis.results.seed_fields == ["seed"] else "The finished runs of repeat 0"
    add_note(figure, f"Level: {level}.", f"{pooled} of a value are pooled.")
    return figure
