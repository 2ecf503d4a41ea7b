"""The results of `dcbench parity` next to this matrix: how far backends agree from the same starts, and their times."""

from __future__ import annotations

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

Styles = dict[str, dict[str, Any]]
"""Name -> what a line of matplotlib takes."""

TIMED_STAGES = {"seconds_pca": "PCA", "seconds_whiten": "whitening", "seconds_kmeans": "k-means"}
"""Timed measure -> its stage."""


def draw(analysis: Analysis, axis: str | None) -> Figure | None:
    """Draw the agreement of each two backends beside the seconds of each backend, a row for each stage and k."""
    table = analysis.results.parity
    agreements = table[table["measure"].isin(["ari", "ari_of_starts"])].dropna(subset=["value"])
    times = table[table["measure"].isin(list(TIMED_STAGES))].dropna(subset=["value"])
    if agreements.empty or times.empty:
        return None
    agreements = agreements.assign(row=name_rows(agreements), name=name_backends(agreements))
    times = times.assign(row=name_rows(times), name=name_backends(times))
    rows = max(agreements["row"].nunique(), times["row"].nunique())
    figure = Figure(figsize=(9, 1.5 + 0.36 * rows), layout="constrained")
    left, right = figure.subplots(1, 2)

    # Left: the agreement of each pair, and in grey that of two starts of one backend
    pairs = dict.fromkeys(agreements.loc[agreements["measure"] == "ari", "name"])
    styles: Styles = {
        name: {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index]} for index, name in enumerate(pairs)
    }
    starts = {"color": GREY, "marker": "|"}
    draw_points(left, agreements, styles, starts)
    left.set(xlim=(-0.03, 1.03), xlabel=MEASURES["ari"].label)
    add_panel_legend(left, styles | {"two starts of one": starts})

    # Right: the seconds of each backend, in the colours that backends have in all figures
    styles = {}
    for name in dict.fromkeys(times["backend_a"]):
        style = get_style(analysis, "backend", name)
        styles[name] = {"color": style["color"], "marker": style["marker"]}
    draw_points(right, times, styles, starts)
    right.set(xscale="log", xlabel="seconds")
    right.xaxis.set_major_formatter("{x:g}")
    add_panel_legend(right, styles)

    # The note: which images were used
    sizes = table[["dataset", "limit"]].drop_duplicates().itertuples(index=False, name=None)
    images = [f"{'all' if pd.isna(limit) else f'{limit:,.0f}'} images of {shorten(name)}" for name, limit in sizes]
    add_note(figure, f"Features of the untrained network on {', '.join(images)}.")
    return figure


def name_backends(table: pd.DataFrame) -> list[str]:
    """Return the backends of each row: `a / b` for a pair, `a` for one backend."""
    pairs = zip(table["backend_a"], table["backend_b"], strict=True)
    return [first if pd.isna(second) else f"{first} / {second}" for first, second in pairs]


def name_rows(table: pd.DataFrame) -> list[str]:
    """Return what was measured in each row of the table, with k, and with the dataset if there are several."""
    names = []
    for row in table.to_dict("records"):
        stage = "k-means" if row["stage"] == "kmeans" else str(row["stage"])
        if row["measure"] in TIMED_STAGES:
            stage = TIMED_STAGES[row["measure"]] + (" (defaults)" if row["stage"] == "defaults" else "")
        k = "" if pd.isna(row["k"]) else f", k = {row['k']:g}"
        dataset = f"{shorten(row['dataset'], 14)}: " if table["dataset"].nunique() > 1 else ""
        names.append(f"{dataset}{stage}{k}")
    return names


def draw_points(panel: Axes, table: pd.DataFrame, styles: Styles, starts: dict[str, Any]) -> None:
    """Draw medians with their ranges, side by side within a row; names without a style are two starts of a backend."""
    rows = list(dict.fromkeys(table["row"]))
    offsets = {name: 0.7 * ((index + 0.5) / len(styles) - 0.5) for index, name in enumerate(styles)}
    # Those without a style come last, on top of the others.
    for point in sorted(table.to_dict("records"), key=lambda point: point["name"] not in styles):
        place, style = rows.index(point["row"]) + offsets.get(point["name"], 0), styles.get(point["name"], starts)
        panel.plot([point["lowest"], point["highest"]], [place, place], color=style["color"], lw=1.2)
        panel.plot([point["value"]], [place], ls="", ms=5, **style)
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)


def add_panel_legend(panel: Axes, styles: Styles) -> None:
    """Put a legend above one panel, whose names the other panel does not share."""
    handles = [Line2D([], [], ls="", label=name, **style) for name, style in styles.items()]
    panel.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
