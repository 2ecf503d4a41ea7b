"""What training did under each ruler: a row of panels for each dataset, and in it a line for each ruler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dcbench.analysis.statistics.matching import MIN_SEEDS
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import METRICS
from dcbench.core.text import plural
from dcbench.figures.style.captions import add_note, describe_rules, shorten
from dcbench.figures.style.encoding import VERDICT_STYLES, get_marker_face, make_verdict_handles
from dcbench.figures.style.marks import GUIDE_LINE, add_legend, stack_row_labels, write_row_labels
from dcbench.figures.style.noise import describe_floor, draw_floor_band, make_band_handle
from dcbench.figures.style.theme import GREY, INK

FACTS = {
    "title": "What training did, by ruler",
    "caption": "Left: mean score of the untrained networks, of the same networks after training, and of the best "
    "pixels of the same images and seeds, by every ruler that has scored all rows; the one that judges is at the top. "
    "Right: the change by training with its 95 % interval over the seeds, each seed averaged over the cells. Verdicts "
    "are corrected (Holm): of the ruler that judges over the datasets, of the others over the other rulers of a "
    "dataset. The intervals are not, so one may exclude 0 although the verdict is cannot tell. Rulers score the same "
    "features in different ways, so compare the direction of a change, not its size.",
    "per_axis": False,
}

MAX_DATASETS = 4
"""Datasets that are drawn; the table has all of them."""

VERDICTS = {"raised": "better", "lowered": "worse"}
"""Verdict on training -> the verdict on a swap with the same style; the others have the same name."""

UNTRAINED: dict[str, Any] = {"color": INK, "marker": "|", "ms": 9, "mew": 1.5, "ls": "", "zorder": 3}
"""Style of the score of the untrained networks."""

PIXELS: dict[str, Any] = {"color": GREY, "marker": "x", "ms": 5, "mew": 1.2, "ls": "", "zorder": 3}
"""Style of the score of the best pixels."""

BAND_POINTS = 16
"""Height of the noise floor's band on a line, in points."""

LABEL_WIDTH, PANEL_WIDTH = 2.3, 2.6
"""Widths of the labels of the lines and of a panel, in inches."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw the scores before and after training and the change; None where no finished run was trained."""
    # The ruler that judges is at the top.
    gains = analysis.gains.sort_values("ruler", key=lambda names: names != analysis.ruler, kind="stable")
    if gains.empty:
        return None
    datasets = list(dict.fromkeys(analysis.gains["dataset"]))
    shown = datasets[:MAX_DATASETS]
    rulers = list(dict.fromkeys(gains["ruler"]))
    metrics = dict(zip(gains["ruler"], gains["metric"], strict=True))
    names = [
        (f"{ruler}, which judges" if ruler == analysis.ruler else ruler, METRICS[metrics[ruler]].label)
        for ruler in rulers
    ]
    labels = stack_row_labels(names, LABEL_WIDTH)
    height = (labels[-1].top + labels[-1].height + 5) / 72
    size = (LABEL_WIDTH + 2 * PANEL_WIDTH, 0.6 + len(shown) * (height + 0.65))
    figure = Figure(figsize=size, layout="constrained")
    levels = analysis.over_pixels[["dataset", "ruler", "metric", "pixels"]]
    # Where the ruler `own` judges, it compares another score with pixels than the one that is drawn.
    gains = gains.merge(levels, on=["dataset", "ruler", "metric"], how="left")
    panels = figure.subplots(len(shown), 2, squeeze=False, sharey=True)
    has_floor = False
    for (scores, changes), dataset in zip(panels, shown, strict=True):
        rows = gains[gains["dataset"] == dataset]
        centres = [labels[rulers.index(ruler)].centre for ruler in rows["ruler"]]
        draw_scores(scores, rows, centres)
        draw_changes(changes, rows, centres)
        write_row_labels(scores, labels)
        # Without intervals, the noise floor says what a change is worth.
        for centre, row in zip(centres, rows.to_dict("records"), strict=True):
            floor = analysis.find_floor(row["metric"], dataset) if pd.isna(row["low"]) else None
            draw_floor_band(changes, floor, span=find_span(changes, centre))
            has_floor = has_floor or bool(floor)
        scores.set_title(shorten(str(dataset), 30))
    add_legend(figure, [*make_handles(gains), *([make_band_handle()] if has_floor else [])])
    left_out, cells, seeds = len(datasets) - len(shown), int(gains["cells"].max()), int(gains["seeds"].max())
    is_uneven = len(gains[["cells", "seeds"]].drop_duplicates()) > 1
    add_note(
        figure,
        f"Each over {'up to ' if is_uneven else ''}{plural(cells, 'cell')} and {plural(seeds, 'seed')}.",
        *([f"{plural(left_out, 'more dataset')} in the table."] if left_out else []),
        *([f"No interval: it takes {MIN_SEEDS} seeds."] if gains["low"].isna().all() else []),
        *([describe_floor(analysis, analysis.quality, "; hatched, by each ruler")] if has_floor else []),
        describe_rules(analysis, list(dict.fromkeys(gains["metric"]))),
        grow=True,
    )
    return figure


def draw_scores(panel: Axes, gains: pd.DataFrame, centres: Sequence[float]) -> None:
    """Draw for each ruler the untrained score, the trained one, and that of the best pixels."""
    for centre, row in zip(centres, gains.to_dict("records"), strict=True):
        colour, _ = VERDICT_STYLES[VERDICTS.get(row["verdict"], row["verdict"])]
        panel.axhline(centre, **GUIDE_LINE)
        panel.plot([row["untrained"], row["trained"]], [centre, centre], color=colour, lw=1.2)
        panel.plot([row["pixels"]], [centre], **PIXELS)
        panel.plot([row["untrained"]], [centre], **UNTRAINED)
        draw_point(panel, row["trained"], centre, row["verdict"])
    panel.set_xlabel("score")
    panel.grid(axis="y", visible=False)


def draw_changes(panel: Axes, gains: pd.DataFrame, centres: Sequence[float]) -> None:
    """Draw for each ruler the change by training with its interval, and the line of no change."""
    panel.axvline(0, color=INK, lw=0.8)
    for centre, row in zip(centres, gains.to_dict("records"), strict=True):
        colour, _ = VERDICT_STYLES[VERDICTS.get(row["verdict"], row["verdict"])]
        panel.axhline(centre, **GUIDE_LINE)
        panel.hlines(centre, row["low"], row["high"], color=colour, lw=1.8)
        draw_point(panel, row["gain"], centre, row["verdict"])
    panel.xaxis.set_major_locator(MaxNLocator(5))
    panel.set_xlabel("change by training")
    panel.grid(axis="y", visible=False)


def find_span(panel: Axes, centre: float) -> tuple[float, float]:
    """Return the part of the panel that a line takes, in fractions of its height."""
    bottom, top = panel.get_ylim()
    middle = (centre - bottom) / (top - bottom)
    half = BAND_POINTS / 2 / abs(top - bottom)
    return middle - half, middle + half


def draw_point(panel: Axes, place: float, centre: float, verdict: str) -> None:
    """Draw a point in the style of its verdict."""
    style = VERDICTS.get(verdict, verdict)
    colour, marker = VERDICT_STYLES[style]
    panel.plot([place], [centre], color=colour, marker=marker, ms=5, mfc=get_marker_face(style), ls="", zorder=4)


def make_handles(gains: pd.DataFrame) -> list[Artist]:
    """Return the legend's handles: the levels, then the verdicts that occur."""
    # The last handle is that of the margin, which this figure does not show.
    *verdicts, _ = make_verdict_handles(VERDICTS.get(verdict, verdict) for verdict in gains["verdict"])
    words = {style: verdict for verdict, style in VERDICTS.items()}
    for handle in verdicts:
        handle.set_label(words.get(str(handle.get_label()), handle.get_label()))
    levels = [Line2D([], [], label="untrained", **UNTRAINED)]
    if gains["pixels"].notna().any():
        levels.append(Line2D([], [], label="best pixels", **PIXELS))
    return [*levels, *verdicts]
