"""Draw every figure that a matrix calls for, and write it in the formats that are asked for."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from joblib import Parallel, delayed
from matplotlib.figure import Figure

from dcbench import registry
from dcbench.analysis.parallel import with_plugins
from dcbench.analysis.summary import Analysis
from dcbench.figures import choose_axes
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.theme import STYLE
from dcbench.report.svg import compress_svg

DPI = {"png": 200, "svg": 110, "pdf": 300}
"""Each format of figures with its dots per inch, which also hold for what is rasterised inside."""

METADATA: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Metadata of a file without the time, so that the same results give the same files."""

PARALLEL_FROM = 20_000
"""Fewest rows times figures for which processes are faster; they take seconds to start. Threads gain nothing here."""


@dataclass(frozen=True, kw_only=True)
class DrawnFigure:
    """A figure on disk.

    Attributes:
        name: The name of its files, without the format.
        title: Its heading on the page.
        caption: What it shows, whatever the results.
        note: The text beneath it, which says what these results are averaged over.
        svg: The SVG file for the page.
    """

    name: str
    title: str
    caption: str
    note: str
    svg: bytes


def draw_figures(analysis: Analysis, folder: Path, formats: Collection[str]) -> list[DrawnFigure]:
    """Draw each figure along each axis that it is for; figures with nothing to show are left out."""
    drawings = [
        (plugin, axis)
        for plugin in registry.plugin_names("figures")
        for axis in choose_axes(registry.facts("figures", plugin), analysis)
    ]
    jobs = 1 if len(analysis.results.rows) * len(drawings) < PARALLEL_FROM else -1
    draw = delayed(with_plugins(draw_figure))
    figures = Parallel(n_jobs=jobs)(draw(plugin, axis, analysis, folder, formats) for plugin, axis in drawings)
    analysis.results.notes.extend(figure for figure in figures if isinstance(figure, str))
    return [figure for figure in figures if isinstance(figure, DrawnFigure)]


def draw_figure(
    plugin: str, axis: str | None, analysis: Analysis, folder: Path, formats: Collection[str]
) -> DrawnFigure | str | None:
    """Draw one figure and write its files; return a warning where a figure of the user's own cannot be drawn."""
    facts, module = registry.facts("figures", plugin), registry.load("figures", plugin)
    name = f"{plugin}_{axis}" if axis else plugin
    with matplotlib.rc_context(STYLE):
        try:
            figure: Figure | None = module.draw(analysis, axis)
        except Exception as error:
            # A fault in dcbench's own figures must be seen; one in the user's must not cost the whole report.
            if registry.find("figures", plugin).sha256 is None:
                raise
            along = f" along {axis}" if axis else ""
            return f"{registry.find('figures', plugin).path}: cannot be drawn{along}: {type(error).__name__}: {error}"
        if figure is None:
            return None
        svg = compress_svg(_save_figure(figure, "svg"))
        figure.set_layout_engine("none")  # saving has laid it out, and the other formats need not do it again
        for kind in formats:
            (folder / f"{name}.{kind}").write_bytes(svg if kind == "svg" else _save_figure(figure, kind))
    title = f"{facts['title']} by {axis}" if axis else facts["title"]
    return DrawnFigure(name=name, title=title, caption=facts["caption"], note=read_note(figure), svg=svg)


def _save_figure(figure: Figure, kind: str) -> bytes:
    """Return the figure's file; an SVG has no background, so that it also stands on a dark page."""
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=DPI[kind], transparent=kind == "svg", metadata=METADATA.get(kind))
    return file.getvalue()
