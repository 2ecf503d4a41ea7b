"""What figures of several kinds draw alike: single runs, the legend, places that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dcbench.figures.style.captions import measure_width
from dcbench.figures.style.theme import TEXT_SIZE

MAX_RUN_LINES = 100
"""Single runs that are drawn in one colour of a panel: more lie on each other and take minutes."""


def make_run_lines(rows: pd.DataFrame, metric: str, tint: str) -> LineCollection:
    """Runs over the epochs as one artist, and as pixels also in SVG; of very many a random sample, always the same."""
    ids = rows["run_id"].unique()
    if len(ids) > MAX_RUN_LINES:
        # every n-th run would be the same seed, or the same value of an axis
        rows = rows[rows["run_id"].isin(np.random.default_rng(0).choice(ids, MAX_RUN_LINES, replace=False))]
    there = rows[["run_id", "epoch", metric]].dropna()
    curves = [curve.to_numpy(dtype=float) for _, curve in there.groupby("run_id", sort=False)[["epoch", metric]]]
    alpha = 0.35 if len(curves) < 30 else 0.15
    return LineCollection(curves, colors=tint, lw=0.6, alpha=alpha, rasterized=True, zorder=1.1)


def add_legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """The handles' labels above the panels, in as many columns as the figure has room for."""
    texts = [str(handle.get_label()) for handle in handles]
    widest = max((measure_width(text, TEXT_SIZE) for text in texts), default=0) + 0.5
    columns = max(1, min(len(texts), int(figure.get_figwidth() / widest)))
    made = figure.legend(handles=handles, labels=[""] * len(texts), loc="outside upper center", ncols=columns)
    for place, text in zip(made.get_texts(), texts, strict=True):
        place.set_text(text)  # a label that starts with _ would be left out


def spread_apart(wanted: Iterable[float], apart: float, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """The places nearest to those wanted that are `apart` from each other, from low to high where that is enough."""
    places = np.asarray(list(wanted), dtype=float)
    groups: list[list[int]] = []

    def start(group: list[int]) -> float:
        """Where a group begins that stands together, half of `apart` before its first place."""
        long = apart * len(group)
        return float(max(low, min(places[group].mean() - long / 2, high - long)))

    for at in np.argsort(places, kind="stable"):
        groups.append([int(at)])
        while len(groups) > 1 and start(groups[-1]) < start(groups[-2]) + apart * len(groups[-2]):
            groups[-2:] = [groups[-2] + groups[-1]]
    for group, begin in [(group, start(group)) for group in groups]:
        places[group] = begin + apart * (np.arange(len(group)) + 0.5)
    return [float(place) for place in places]
