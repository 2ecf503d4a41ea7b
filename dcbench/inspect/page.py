"""Write the page of one run: the figures of what it learned, what they cannot show, and what is missing.

In: the folder that holds learned.npz. Out: index.html, figures/*.png and *.svg, and clusters.csv in the same folder.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

import dcbench
from dcbench import registry
from dcbench.audit.health import judge_health
from dcbench.core.columns import COLUMNS, list_metrics
from dcbench.core.spec import format_value
from dcbench.core.store.files import replace_folder, write_atomic
from dcbench.core.templates import template_environment
from dcbench.figures.style.theme import STYLE
from dcbench.inspect.figures.confusion import MAX_ROWS
from dcbench.inspect.result import InspectionResult, find_largest, find_majority_labels, read_result

FIELDS = (
    "method", "dataset", "limit", "image_size", "input_channels", "arch", "width", "k", "optimizer", "lr", "seed",
    "repeat",
)  # fmt: skip
"""Fields of the spec on the page."""

DPI = 150
"""Dots per inch of a PNG."""


@dataclass(frozen=True, kw_only=True)
class InspectionFigure:
    """A figure that was drawn: the plug-in's name, title and caption, and the SVG file in base64."""

    name: str
    title: str
    caption: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class InspectionPage:
    """A page that was written.

    Attributes:
        path: The file index.html.
        missing: Title of each figure that could not be drawn -> the reason.
        replay_hint: How to get these figures; empty if no command can.
        warnings: Messages of the checks that failed.
    """

    path: Path
    missing: dict[str, str]
    replay_hint: str
    warnings: list[str]


def write_page(folder: Path) -> InspectionPage:
    """Draw every figure for which learned.npz has the arrays, and write the page around them."""
    result = read_result(folder / "learned.npz")
    facts = {name: registry.facts("run_figures", name) for name in registry.plugin_names("run_figures")}
    drawn, missing = [], {}
    # In a new folder that replaces the old files at the end, so that no page shows the figures of two inspections.
    with replace_folder(folder) as new_folder:
        (new_folder / "figures").mkdir()
        for name in sorted(facts, key=lambda name: facts[name]["place"]):
            lacking = [array for array in facts[name]["needs"] if array not in result]
            if lacking:
                missing[facts[name]["title"]] = result.facts["missing"][lacking[0]]
                continue
            plugin, path = registry.load("run_figures", name), new_folder / "figures" / name
            with matplotlib.rc_context(STYLE):
                figure = plugin.draw(result)
                figure.savefig(path.with_suffix(".png"), dpi=DPI)
                # Without the date, the same arrays give the same file.
                figure.savefig(path.with_suffix(".svg"), dpi=DPI, metadata={"Date": None})
            svg = base64.b64encode(path.with_suffix(".svg").read_bytes()).decode()
            title, caption = facts[name]["title"], plugin.caption(result)
            drawn.append(InspectionFigure(name=name, title=title, caption=caption, svg=svg))
        clusters = tabulate_clusters(result)
        write_atomic(new_folder / "clusters.csv", clusters.to_csv(index=False))
        write_atomic(new_folder / "index.html", render_page(result, drawn, missing, clusters))
    return InspectionPage(
        path=folder / "index.html",
        missing=missing,
        replay_hint=result.facts.get("way_out", ""),
        warnings=[message for passed, message in result.facts["checks"] if not passed],
    )


def tabulate_clusters(result: InspectionResult) -> pd.DataFrame:
    """Return a row for each cluster that holds an image, the largest first: images, majority label and its share."""
    counts = result.counts
    labels, shares = find_majority_labels(counts)
    ids = find_largest(counts, len(counts))
    names = np.array(result.facts["class_names"])
    return pd.DataFrame(
        {"cluster": ids, "images": counts[ids].sum(axis=1), "majority_label": names[labels[ids]], "share": shares[ids]}
    )


def render_page(
    result: InspectionResult, figures: list[InspectionFigure], missing: dict[str, str], clusters: pd.DataFrame
) -> str:
    """Return the HTML of index.html."""
    facts, spec, rows = result.facts, result.facts["spec"], result.facts["rows"]
    # As many rows as the other figures show clusters; a run without weights has only the confusion.
    shown = clusters.head(len(result["clusters"]) if "clusters" in result else MAX_ROWS)
    scores = []
    for name in list_metrics("inspection") if rows else ():
        first, last = rows[0].get(name), rows[-1].get(name)
        if first and last:
            before, after = float(first), float(last)
            digits = 1 if before >= 10 else 3
            # A run that stopped early may have only the row of the untrained network, which is not a change of 0.
            change = f"{after - before:+.{digits}f}" if len(rows) > 1 else ""
            scores.append((COLUMNS[name].axis_label, f"{before:.{digits}f}", f"{after:.{digits}f}", change))
    template = template_environment(Path(__file__).parent).get_template("page.html.j2")
    return template.render(
        run_id=facts["run_id"],
        version=dcbench.__version__,
        state=facts["state"],
        epoch=facts["epoch"],
        epochs=spec["epochs"],
        fields={name: format_value(spec[name]) for name in FIELDS},
        health=str(judge_health(rows, spec["k"])) if rows else "",
        checks=facts["checks"],
        missing=missing,
        replay_hint=facts.get("way_out", ""),
        scores=scores,
        figures=figures,
        clusters=list(shown.itertuples(index=False)),
        hidden_count=len(clusters) - len(shown),
    )
