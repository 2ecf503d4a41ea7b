"""The page of one run: the pictures of what it learned, what they cannot show, and what is missing.

In: the folder that holds learned.npz. Out: index.html, figures/*.png and *.svg and clusters.csv beside it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2
import matplotlib
import numpy as np
import pandas as pd

import dcbench
from dcbench import registry
from dcbench.audit.health import judge_health
from dcbench.core.columns import COLUMNS
from dcbench.core.spec import format_value
from dcbench.core.store.files import replace_folder, write_atomic
from dcbench.figures.style.theme import STYLE
from dcbench.inspect import result as learning
from dcbench.inspect.figures.confusion import CLUSTERS
from dcbench.inspect.result import InspectionResult

SCORES = (
    "nmi_true", "cluster_accuracy", "purity", "ari_true", "test_refit_cluster_accuracy", "test_head_accuracy",
    "feature_rank", "largest_cluster_share",
)  # fmt: skip
"""Columns of metrics.csv on the page."""

FIELDS = ("method", "dataset", "limit", "image_size", "input_channels", "arch", "width", "k", "optimizer", "lr", "seed")
"""Fields of the spec on the page."""


DPI = 150
"""Dots an inch of a PNG."""


@dataclass(frozen=True)
class Drawn:
    """A picture on disk: its name, title and caption, and the SVG for the page."""

    name: str
    title: str
    caption: str
    svg: bytes


@dataclass(frozen=True)
class Inspected:
    """The page; pictures that are missing, with the reason; the command for them; what is not as it should be."""

    page: Path
    missing: dict[str, str]
    way_out: str
    warnings: list[str]


def write(folder: Path) -> Inspected:
    """Draw everything that learned.npz has the arrays for, and the page around it."""
    learned = learning.read(folder / "learned.npz")
    parts = sorted(registry.plugin_names("pictures"), key=lambda part: registry.facts("pictures", part)["place"])
    missing = {part: reason for part in parts if (reason := _lacks(part, learned))}
    titles = {registry.facts("pictures", part)["title"]: reason for part, reason in missing.items()}
    with replace_folder(folder) as fresh:
        (fresh / "figures").mkdir()
        drawn = [_draw(part, learned, fresh / "figures") for part in parts if part not in missing]
        clusters = table(learned)
        write_atomic(fresh / "clusters.csv", clusters.to_csv(index=False))
        write_atomic(fresh / "index.html", render(learned, drawn, titles, clusters))
    warnings = [text for good, text in learned.facts["checks"] if not good]
    return Inspected(folder / "index.html", titles, learned.facts.get("way_out", ""), warnings)


def table(learned: InspectionResult) -> pd.DataFrame:
    """Every cluster that holds an image, the largest first: images, majority label, its share."""
    counts = learned.counts
    labels, shares = learning.majority(counts)
    ids = learning.largest(counts, len(counts))
    names = np.array(learned.facts["class_names"])
    return pd.DataFrame(
        {"cluster": ids, "images": counts[ids].sum(axis=1), "majority_label": names[labels[ids]], "share": shares[ids]}
    )


def _lacks(part: str, learned: InspectionResult) -> str:
    """Why a picture cannot be drawn; empty when it can."""
    missing: dict[str, str] = learned.facts["missing"]
    return next((missing[name] for name in registry.facts("pictures", part)["needs"] if name not in learned), "")


def _draw(part: str, learned: InspectionResult, folder: Path) -> Drawn:
    picture = registry.load("pictures", part)
    with matplotlib.rc_context(STYLE):
        figure = picture.draw(learned)
        figure.savefig(folder / f"{part}.png", dpi=DPI)
        figure.savefig(folder / f"{part}.svg", dpi=DPI, metadata={"Date": None})
    svg = (folder / f"{part}.svg").read_bytes()
    return Drawn(part, registry.facts("pictures", part)["title"], picture.caption(learned), svg)


def render(learned: InspectionResult, drawn: list[Drawn], missing: dict[str, str], clusters: pd.DataFrame) -> str:
    """The HTML of index.html."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    engine = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    facts, spec = learned.facts, learned.facts["spec"]
    top = clusters.head(len(learned["clusters"]) if "clusters" in learned else CLUSTERS)
    return engine.get_template("page.html.j2").render(
        run_id=facts["run_id"],
        version=dcbench.__version__,
        state=facts["state"],
        epoch=facts["epoch"],
        epochs=spec["epochs"],
        fields={name: format_value(spec[name]) for name in FIELDS},
        health=str(judge_health(facts["rows"], spec["k"])) if facts["rows"] else "",
        checks=facts["checks"],
        missing=missing,
        way_out=facts.get("way_out", ""),
        scores=list(_scores(facts["rows"])),
        figures=[(figure, base64.b64encode(figure.svg).decode()) for figure in drawn],
        clusters=list(top.itertuples(index=False)),
        more=len(clusters) - len(top),
    )


def _scores(rows: list[dict[str, str]]) -> Iterator[tuple[str, str, str, str]]:
    """Label, untrained, in the row that is looked at, and the change; of what both rows have."""
    for name in SCORES if rows else ():
        first, last = rows[0].get(name), rows[-1].get(name)
        if first and last:
            digits = 1 if float(first) >= 10 else 3
            change = f"{float(last) - float(first):+.{digits}f}" if len(rows) > 1 else ""
            yield COLUMNS[name].titled, f"{float(first):.{digits}f}", f"{float(last):.{digits}f}", change
