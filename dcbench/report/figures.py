"""Every plot of the room drawn, and written in the formats that are wanted."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from joblib import Parallel, delayed
from matplotlib.figure import Figure

from dcbench import rooms
from dcbench.analysis import Analysis
from dcbench.plots import STYLE, empty

DPI = {"png": 200, "svg": 150, "pdf": 300}
"""Dots an inch, also of what is rasterised inside; every format that a figure can have."""


DATELESS: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Metadata without the hour, so that the same results give the same files."""


@dataclass(frozen=True)
class Drawn:
    """A figure on disk: its name, title and caption, and the SVG for the page."""

    name: str
    title: str
    caption: str
    svg: bytes


def write(told: Analysis, folder: Path, formats: Collection[str]) -> list[Drawn]:
    """Draw the plots of the whole matrix, and those of an axis once for each axis."""
    wanted = []
    for part in rooms.names("plots"):
        per_axis = rooms.facts("plots", part)["per_axis"]
        wanted += [(part, axis) for axis in (per_axis and told.axes) or [None]]
    # threads gain nothing here and processes cost seconds to start: only many figures are worth them
    jobs = 1 if len(told.found.rows) * len(wanted) < 20_000 else -1
    drawn: list[Drawn] = Parallel(n_jobs=jobs)(
        delayed(_draw)(part, axis, told, folder, formats) for part, axis in wanted
    )
    return drawn


def _draw(part: str, axis: str | None, told: Analysis, folder: Path, formats: Collection[str]) -> Drawn:
    facts = rooms.facts("plots", part)
    name = f"{part}_{axis}" if axis else part
    with matplotlib.rc_context(STYLE):
        figure = empty("no finished run") if told.found.rows.empty else _figure(part, axis, told)
        svg = _saved(figure, "svg")
        figure.set_layout_engine("none")  # what is laid out once needs no layout for the other formats
        for kind in formats:
            (folder / f"{name}.{kind}").write_bytes(svg if kind == "svg" else _saved(figure, kind))
    return Drawn(name, f"{facts['title']} by {axis}" if axis else facts["title"], facts["caption"], svg)


def _saved(figure: Figure, kind: str) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=DPI[kind], metadata=DATELESS.get(kind))
    return file.getvalue()


def _figure(part: str, axis: str | None, told: Analysis) -> Figure:
    figure: Figure = rooms.load("plots", part).draw(told, axis)
    return figure
