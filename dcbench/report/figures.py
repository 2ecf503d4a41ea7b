"""Every plot of the room drawn, and written in the formats that are wanted."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from joblib import Parallel, delayed
from matplotlib.figure import Figure

from dcbench import registry
from dcbench.analysis.summary import Analysis
from dcbench.figures import choose_axes
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.theme import STYLE
from dcbench.report.svg import light

DPI = {"png": 200, "svg": 110, "pdf": 300}
"""Dots an inch, also of what is rasterised inside; every format that a figure can have."""


DATELESS: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Metadata without the hour, so that the same results give the same files."""


@dataclass(frozen=True)
class Drawn:
    """A figure on disk: its name, title and caption, the words beneath it, and the SVG for the page."""

    name: str
    title: str
    caption: str
    note: str
    svg: bytes


def write(analysis: Analysis, folder: Path, formats: Collection[str]) -> list[Drawn]:
    """Draw each plot along the axes it is for; plots that have nothing to say are left out."""
    wanted = [
        (part, axis)
        for part in registry.plugin_names("figures")
        for axis in choose_axes(registry.facts("figures", part), analysis)
    ]
    # threads gain nothing here and processes cost seconds to start: only many figures are worth them
    jobs = 1 if len(analysis.results.rows) * len(wanted) < 20_000 else -1
    drawn = Parallel(n_jobs=jobs)(delayed(_draw)(part, axis, analysis, folder, formats) for part, axis in wanted)
    return [one for one in drawn if one is not None]


def _draw(part: str, axis: str | None, analysis: Analysis, folder: Path, formats: Collection[str]) -> Drawn | None:
    facts = registry.facts("figures", part)
    name = f"{part}_{axis}" if axis else part
    with matplotlib.rc_context(STYLE):
        figure: Figure | None = registry.load("figures", part).draw(analysis, axis)
        if figure is None:
            return None
        svg = _saved(figure, "svg")
        figure.set_layout_engine("none")  # what is laid out once needs no layout for the other formats
        for kind in formats:
            (folder / f"{name}.{kind}").write_bytes(svg if kind == "svg" else _saved(figure, kind))
    title = f"{facts['title']} by {axis}" if axis else facts["title"]
    return Drawn(name, title, facts["caption"], read_note(figure), svg)


def _saved(figure: Figure, kind: str) -> bytes:
    """The figure's file; an SVG has no paper of its own, so that it also stands on a dark page."""
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=DPI[kind], transparent=kind == "svg", metadata=DATELESS.get(kind))
    return light(file.getvalue()) if kind == "svg" else file.getvalue()
