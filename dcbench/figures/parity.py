"""What `dcbench parity` measured beside this matrix: how far backends agree from the same starts, and their seconds."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcbench.analysis.summary import Analysis
from dcbench.figures.style.captions import add_note, shorten
from dcbench.figures.style.encoding import MARKERS, get_style
from dcbench.figures.style.theme import COLOURS, GREY
from dcbench.parity.table import MEASURES

FACTS = {
    "title": "Are the backends interchangeable?",
    "caption": "Left: adjusted Rand index of two backends' clusterings at the end, from the same first centroids; in "
    "grey that of two starts of one backend, which is what another start alone changes. Right: seconds. Medians over "
    "the starts of k-means, bars from the lowest to the highest. Chain: each library's own PCA and whitening first. "
    "Defaults: each library as it comes.",
    "per_axis": False,
}

TIMES = {"seconds_pca": "PCA", "seconds_whiten": "whitening", "seconds_kmeans": "k-means"}


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Agreement of each pair beside the seconds of each backend, a row for each stage and k."""
    found = analysis.results.parity
    agreed = found[found["measure"].isin(["ari", "ari_of_starts"])].dropna(subset=["value"])
    timed = found[found["measure"].isin(list(TIMES))].dropna(subset=["value"])
    if agreed.empty or timed.empty:
        return None
    left, right = _rows(agreed, False), _rows(timed, True)
    figure = Figure(figsize=(9, 1.5 + 0.36 * max(left.nunique(), right.nunique())), layout="constrained")
    panels = figure.subplots(1, 2)
    pairs = list(dict.fromkeys(_names(agreed[agreed["measure"] == "ari"])))
    looks = {name: {"color": COLOURS[at % len(COLOURS)], "marker": MARKERS[at]} for at, name in enumerate(pairs)}
    yardstick = {"color": GREY, "marker": "|"}
    _panel(panels[0], agreed.assign(row=left, name=_names(agreed)), looks, yardstick)
    panels[0].set(xlim=(-0.03, 1.03), xlabel=MEASURES["ari"][0])
    backends = list(dict.fromkeys(timed["backend_a"]))
    own = {name: {key: get_style(analysis, "backend", name)[key] for key in ("color", "marker")} for name in backends}
    _panel(panels[1], timed.assign(row=right, name=_names(timed)), own, yardstick)
    panels[1].set(xscale="log", xlabel="seconds")
    panels[1].xaxis.set_major_formatter("{x:g}")
    _legend(panels[0], looks | {"two starts of one": yardstick})
    _legend(panels[1], own)
    add_note(figure, _images(found))
    return figure


def _legend(panel: Axes, looks: dict[str, dict[str, Any]]) -> None:
    handles = [Line2D([], [], ls="", label=name, **look) for name, look in looks.items()]
    panel.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def _names(table: pd.DataFrame) -> list[str]:
    """`a / b` for a pair, `a` for one backend."""
    pairs = zip(table["backend_a"], table["backend_b"], strict=True)
    return [one if pd.isna(other) else f"{one} / {other}" for one, other in pairs]


def _rows(table: pd.DataFrame, timed: bool) -> pd.Series:
    """The row of each line: what was done, with which k, on which images where there are several."""
    several = table["dataset"].nunique() > 1
    return table.apply(lambda line: _row(line, timed, several), axis=1)


def _row(line: pd.Series, timed: bool, several: bool) -> str:
    stage = str(line["stage"])
    if timed:
        stage = TIMES[line["measure"]] + (" (defaults)" if stage == "defaults" else "")
    elif stage == "kmeans":
        stage = "k-means"
    k = "" if pd.isna(line["k"]) else f", k = {line['k']:g}"
    return f"{shorten(line['dataset'], 14)}: {stage}{k}" if several else f"{stage}{k}"


def _panel(panel: Axes, table: pd.DataFrame, looks: dict[str, dict[str, Any]], yardstick: dict[str, Any]) -> None:
    """Points with their ranges, those of one row beneath each other; names without a look are the yardstick."""
    rows = list(dict.fromkeys(table["row"]))
    for (at, row), (number, name) in itertools.product(enumerate(rows), enumerate(looks)):
        for _, line in table[(table["row"] == row) & (table["name"] == name)].iterrows():
            _point(panel, line, at + 0.7 * ((number + 0.5) / len(looks) - 0.5), looks[name])
    for _, line in table[~table["name"].isin(list(looks))].iterrows():
        _point(panel, line, rows.index(line["row"]), yardstick)
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)


def _point(panel: Axes, line: pd.Series, at: float, look: dict[str, Any]) -> None:
    panel.plot([line["lowest"], line["highest"]], [at, at], color=look["color"], lw=1.2)
    panel.plot([line["value"]], [at], ls="", ms=5, **look)


def _images(found: pd.DataFrame) -> str:
    """On how many images of what it was measured."""
    sizes = found[["dataset", "limit"]].drop_duplicates().itertuples(index=False, name=None)
    told = [f"{'all' if pd.isna(limit) else f'{limit:,.0f}'} images of {shorten(name)}" for name, limit in sizes]
    return f"Features of the untrained network on {', '.join(told)}."
