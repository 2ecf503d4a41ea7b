"""Artists that several figures draw in the same way: single runs, the legend, row labels, and labels kept apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dcbench.figures.style.captions import measure_width, wrap
from dcbench.figures.style.theme import GREY, SMALL_SIZE, TEXT_SIZE

MAX_RUN_LINES = 100
"""Single runs drawn in one colour of a panel: more would hide each other and take minutes."""

GUIDE_LINE: dict[str, Any] = {"color": GREY, "alpha": 0.25, "lw": 0.5, "zorder": 0.5}
"""Style of the line that leads from a row's label to its marks."""


def make_run_lines(rows: pd.DataFrame, metric: str, colour: str) -> LineCollection:
    """Return the curves of single runs over the epochs as one artist, rasterised in vector formats too.

    Of more than MAX_RUN_LINES runs it holds a random sample, which is the same in every call.
    """
    run_ids = rows["run_id"].unique()
    if len(run_ids) > MAX_RUN_LINES:
        # A random sample, because every n-th run could have the same seed or the same value of an axis.
        sample = np.random.default_rng(0).choice(run_ids, MAX_RUN_LINES, replace=False)
        rows = rows[rows["run_id"].isin(sample)]
    points = rows[["run_id", "epoch", metric]].dropna()
    curves = [curve.to_numpy(dtype=float) for _, curve in points.groupby("run_id", sort=False)[["epoch", metric]]]
    alpha = 0.35 if len(curves) < 30 else 0.15
    return LineCollection(curves, colors=colour, lw=0.6, alpha=alpha, rasterized=True, zorder=1.1)


def add_legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Put the labels of the handles above the panels, in as many columns as fit the figure's width."""
    texts = [str(handle.get_label()) for handle in handles]
    # Half an inch for the handle and the gap between two columns.
    widest = max((measure_width(text, TEXT_SIZE) for text in texts), default=0) + 0.5
    columns = max(1, min(len(texts), int(figure.get_figwidth() / widest)))
    legend = figure.legend(handles=handles, labels=[""] * len(texts), loc="outside upper center", ncols=columns)
    # The texts are set afterwards: matplotlib leaves out labels that begin with an underscore, and a value may.
    for artist, text in zip(legend.get_texts(), texts, strict=True):
        artist.set_text(text)


def spread_apart(
    positions: Iterable[float], distance: float, low: float = -math.inf, high: float = math.inf
) -> list[float]:
    """Return the positions nearest to those given that are `distance` from each other.

    They stay between `low` and `high` where there is enough room.
    """
    places = np.asarray(list(positions), dtype=float)
    groups: list[list[int]] = []

    def start(group: list[int]) -> float:
        """Return where a group of adjacent labels begins, half of `distance` before its first label."""
        length = distance * len(group)
        return float(max(low, min(places[group].mean() - length / 2, high - length)))

    # Pool adjacent violators: neighbours that would overlap become a group around their mean position.
    for index in np.argsort(places, kind="stable"):
        groups.append([int(index)])
        while len(groups) > 1 and start(groups[-1]) < start(groups[-2]) + distance * len(groups[-2]):
            groups[-2:] = [groups[-2] + groups[-1]]
    # All starts are computed before any place is overwritten, because they depend on the places.
    for group, begin in [(group, start(group)) for group in groups]:
        places[group] = begin + distance * (np.arange(len(group)) + 0.5)
    return [float(place) for place in places]


# --- rows with labels of any length ---------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RowLabel:
    """The label of one row of a panel, already wrapped.

    `top` is where the row begins, in points below the panel's top.
    """

    text: str
    small_print: str
    top: float

    @property
    def text_height(self) -> float:
        """Height of the text without the small print, in points."""
        return 1.25 * TEXT_SIZE * (self.text.count("\n") + 1)

    @property
    def height(self) -> float:
        """Height of the whole label, in points."""
        small_height = 1.25 * SMALL_SIZE * (self.small_print.count("\n") + 1) if self.small_print else 0
        return self.text_height + small_height

    @property
    def centre(self) -> float:
        """The middle of the row, in points below the panel's top."""
        return self.top + self.height / 2


def stack_row_labels(names: Iterable[tuple[str, str]], width: float) -> list[RowLabel]:
    """Return a label for each text and its small print, one below the other, wrapped to a width in inches."""
    labels: list[RowLabel] = []
    for text, small_print in names:
        top = labels[-1].top + labels[-1].height + 7 if labels else 5
        labels.append(
            RowLabel(text=wrap(text, width, TEXT_SIZE), small_print=wrap(small_print, width, SMALL_SIZE), top=top)
        )
    return labels


def write_row_labels(panel: Axes, labels: Sequence[RowLabel]) -> None:
    """Write the labels to the left of a panel, and make the panel's y scale points below its top."""
    panel.set_ylim(labels[-1].top + labels[-1].height + 5, 0)
    panel.set_yticks([])
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    place |= {"ha": "right", "va": "top"}
    for label in labels:
        # Offsets are in points like the scale, but measured upwards.
        panel.annotate(label.text, (0, label.centre), (-5, label.height / 2), fontsize=TEXT_SIZE, **place)
        offset = (-5, label.height / 2 - label.text_height)
        panel.annotate(label.small_print, (0, label.centre), offset, fontsize=SMALL_SIZE, **place)
