"""How many epochs until the assignments stay what they are, for each value of an axis."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dcbench.analysis.statistics.stability import SETTLED_NMI, estimate_unsettled_share, median_settling_epoch
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import COLUMNS
from dcbench.core.text import plural
from dcbench.figures import has_value
from dcbench.figures.style.captions import add_note, format_axis_value
from dcbench.figures.style.encoding import get_colour, get_line_style
from dcbench.figures.style.marks import add_legend

FACTS = {
    "title": "When assignments settle",
    "caption": "Share of runs whose assignments still move: whose NMI epoch to epoch has not yet come to stay at the "
    "level. Steps by Kaplan and Meier's estimate; a tick marks runs that were watched no longer. Stability is not "
    "quality: a collapsed network can be stable.",
    "per_axis": True,
}


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """One panel, a step line for each value; nothing where no run ever settles."""
    if not analysis.stability["reached"].any():
        return None
    parts: list[tuple[object, pd.DataFrame]] = [(None, analysis.stability)]
    if axis is not None:
        values = analysis.axes[axis].values
        parts = [(value, analysis.stability[has_value(analysis.stability[axis], value)]) for value in values]
    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    panel = figure.subplots()
    handles = []
    for value, runs in parts:
        look = {"color": get_colour(analysis, axis, value), "ls": get_line_style(analysis, axis, value)}
        steps = estimate_unsettled_share(runs)
        end = float(runs["epochs_watched"].max()) if len(runs) else 0.0
        panel.step([*steps["epoch"], end], [*steps["share"], steps["share"].iloc[-1]], where="post", lw=1.8, **look)
        for epoch in sorted(set(runs.loc[~runs["reached"], "epochs_watched"])):
            level = steps.loc[steps["epoch"] <= epoch, "share"].iloc[-1]
            panel.plot([epoch], [level], marker="|", ms=8, color=look["color"])
        handles.append(Line2D([], [], lw=1.8, label=_label(analysis, axis, value, runs), **look))
    panel.set(xlabel=COLUMNS["epoch"].axis_label, ylabel="share of runs still moving", ylim=(-0.03, 1.05))
    panel.set_xlim(left=0)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    add_legend(figure, handles)
    level = f"{COLUMNS['nmi_previous'].label} of {SETTLED_NMI:g} or above to the end, over two rows at least"
    add_note(figure, f"Level: {level}.", "All finished runs of a value are pooled.")
    return figure


def _label(analysis: Analysis, axis: str | None, value: object, runs: pd.DataFrame) -> str:
    name = "all runs" if axis is None else format_axis_value(analysis, axis, value)
    if runs.empty:
        return f"{name}: no finished run"
    half = median_settling_epoch(runs)
    when = "" if math.isnan(half) else f", half by epoch {half:g}"
    return f"{name}: {runs['reached'].sum()} of {plural(len(runs), 'run')} settled{when}"
