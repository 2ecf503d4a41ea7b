"""What training did under each ruler: a row for each ruler, a panel for each dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcbench.analysis.statistics.matching import MIN_SEEDS
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import METRICS
from dcbench.core.text import plural
from dcbench.figures.style.captions import add_note, describe_rules, shorten, wrap
from dcbench.figures.style.encoding import VERDICT_STYLES, get_marker_face, make_verdict_handles
from dcbench.figures.style.marks import GUIDE_LINE, add_legend
from dcbench.figures.style.theme import GREY, INK, MAX_WIDTH, TEXT_SIZE

FACTS = {
    "title": "What training did, by ruler",
    "caption": "Mean score of the untrained networks and of the same networks after training, by every ruler that has "
    "scored all rows. Bars: the 95 % interval of the change over the seeds, from the untrained score. Rulers score the "
    "same features in different ways, so compare the direction of a change, not its size.",
    "per_axis": False,
}

MAX_PANELS = 4
"""Datasets that have a panel; the table has all of them."""

UNTRAINED: dict[str, Any] = {"color": INK, "marker": "|", "ms": 9, "mew": 1.5, "ls": "", "zorder": 3}
"""Style of the score of the untrained networks."""

LABEL_INCHES = 1.7
"""Width of the labels of the rows."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw the scores before and after training; None where no finished run was trained."""
    gains = analysis.gains.assign(verdict=[judge_gain(gain) for gain in analysis.gains.to_dict("records")])
    if gains.empty:
        return None
    datasets, rulers = list(dict.fromkeys(gains["dataset"])), list(dict.fromkeys(gains["ruler"]))
    shown = datasets[:MAX_PANELS]
    width = min(MAX_WIDTH, LABEL_INCHES + 2.8 * len(shown))
    figure = Figure(figsize=(width, 1.3 + 0.34 * len(rulers)), layout="constrained")
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for panel, dataset in zip(panels, shown, strict=True):
        draw_gains(panel, gains[gains["dataset"] == dataset])
        panel.set_title(shorten(str(dataset), 30))
        panel.set_xlabel("score")
    labels = [wrap(METRICS[metric].label, LABEL_INCHES, TEXT_SIZE) for metric in dict.fromkeys(gains["metric"])]
    panels[0].set_yticks(range(len(rulers)), labels)
    # The first ruler is at the top, and half a row is left above and below.
    panels[0].set_ylim(len(rulers) - 0.5, -0.5)
    # The last handle is that of the margin, which this figure does not show.
    *verdicts, _ = make_verdict_handles(gains["verdict"])
    add_legend(figure, [Line2D([], [], label="untrained", **UNTRAINED), *verdicts])
    left_out = len(datasets) - len(shown)
    add_note(
        figure,
        f"Over {plural(int(gains['runs'].max()), 'run')} and {plural(int(gains['seeds'].max()), 'seed')} a dataset.",
        *([f"{plural(left_out, 'more dataset')} in the table."] if left_out else []),
        *([f"No interval: it takes {MIN_SEEDS} seeds."] if gains["low"].isna().all() else []),
        describe_rules(analysis, list(dict.fromkeys(gains["metric"]))),
        grow=True,
    )
    return figure


def draw_gains(panel: Axes, gains: pd.DataFrame) -> None:
    """Draw a row for each ruler: the untrained score, the trained one, and the interval of the change."""
    for place, row in enumerate(gains.to_dict("records")):
        colour, marker = VERDICT_STYLES[row["verdict"]]
        panel.axhline(place, **GUIDE_LINE)
        panel.plot([row["untrained"], row["trained"]], [place, place], color=GREY, lw=0.8)
        panel.hlines(place, row["untrained"] + row["low"], row["untrained"] + row["high"], color=colour, lw=1.8)
        panel.plot([row["untrained"]], [place], **UNTRAINED)
        face = get_marker_face(row["verdict"])
        panel.plot([row["trained"]], [place], color=colour, marker=marker, ms=5, mfc=face, ls="", zorder=4)
    panel.grid(axis="y", visible=False)


def judge_gain(gain: Mapping[Any, Any]) -> str:
    """Return the verdict on a row of the table of gains."""
    if pd.isna(gain["low"]):
        return "too few seeds"
    return "better" if gain["low"] > 0 else "worse" if gain["high"] < 0 else "cannot tell"
