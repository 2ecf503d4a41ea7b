"""Fill the templates of the one offline page: answers first, then figures and tables as their evidence.

The template engine escapes every value, once.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

import dcbench
from dcbench.analysis.coverage_map import lay_out_coverage
from dcbench.analysis.summary import Analysis
from dcbench.audit.axes import Audit
from dcbench.core.columns import METRICS
from dcbench.core.spec import format_value
from dcbench.core.store.run_state import STATES
from dcbench.core.templates import template_environment
from dcbench.core.text import plural
from dcbench.figures.style.theme import BACKGROUNDS, INK
from dcbench.parity.table import PARITY_STAGES
from dcbench.report.figures import DrawnFigure
from dcbench.report.findings.questions import answer_questions
from dcbench.report.html import curve_data, page_tables
from dcbench.report.html.run_table import make_run_table
from dcbench.report.provenance import ReportProvenance
from dcbench.report.svg import inline_svg

HERE = Path(__file__).parent
SCRIPTS = ("store.js", "table.js", "map.js", "curves.js")

PAGE_SECTIONS = {
    "answers": "In short",
    "effects": "What each choice does",
    "rules": "How the verdicts are made",
    "curves": "Curves",
    "rulers": "What training did, by ruler",
    "cells": "Scores of every cell",
    "levels": "What the scores lie between",
    "times": "Time",
    "health": "Health and collapse",
    "backends": "Libraries compared",
    "audit": "Does every axis act?",
    "more": "More figures",
    "runs": "The runs",
    "provenance": "Made with",
}
"""The id of each section with its title, in order."""

SUBSECTIONS = {"coverage": "Coverage", "unfinished": "Failed and missing runs", "notes": "Read with care"}
"""Parts of sections that sentences link to."""

FIGURE_SECTIONS = {
    "forest": "effects", "interactions": "effects", "ranks": "effects", "numeric": "effects",
    "curves": "curves", "heatmap": "cells", "accuracy_cost": "times", "stage_times": "times",
    "rulers": "rulers", "occupancy": "health", "stability": "health", "parity": "backends",
}  # fmt: skip
"""Figure -> its section; all others, such as plug-ins, go to `more`."""

REPLACED_FIGURES = {"coverage"}
"""Figures that the page shows as a live table instead."""

SQUARE_LABELS = {"degenerate": "done, degenerate", "collapsed": "done, collapsed"}
"""What the legend of the map calls finished runs that are not healthy."""


@dataclass(frozen=True, kw_only=True)
class PageFigure:
    """A figure as an element of the page."""

    id: str
    title: str
    caption: str
    svg: Markup


def render_page(
    analysis: Analysis,
    figures: Sequence[DrawnFigure],
    tables: Mapping[str, pd.DataFrame],
    audit: Audit,
    provenance: ReportProvenance,
    inspected: Collection[str] = (),
) -> str:
    """Return the HTML of index.html; `inspected` are the ids of the runs that have a page of `dcbench inspect`."""
    environment = template_environment(HERE / "templates")
    environment.filters |= {"plural": plural, "value": format_value}
    script = "\n".join((HERE / "assets" / name).read_text(encoding="utf-8") for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    placed = place_figures(figures)
    # Some sections have nothing to show for some matrices.
    absent = {name for name in ("curves", "more") if not placed[name]}
    absent |= {"rulers"} if analysis.gains.empty else set()
    absent |= set() if analysis.axes else {"effects"}
    results = analysis.results
    counts = Counter([*results.runs["state"], *(results.baselines["state"] if len(results.baselines) else [])])
    return environment.get_template("page.html.j2").render(
        **_tabulate_evidence(analysis, tables, audit),
        **_describe_runs(analysis),
        answers=answer_questions(analysis, audit),
        axes={name: ", ".join(map(format_value, axis.values)) for name, axis in analysis.axes.items()},
        baselines=len(results.baselines),
        css=Markup(environment.get_template("page.css.j2").render(ink=INK, paper=BACKGROUNDS)),
        figures=placed,
        inspected=inspected,
        name=results.name,
        notes=results.notes,
        planned=len(results.runs),
        policy=make_policy(script),
        provenance=provenance,
        script=Markup(script),
        seeds={name: ", ".join(map(format_value, sorted(results.runs[name].unique()))) for name in results.seed_fields},
        sections={name: title for name, title in PAGE_SECTIONS.items() if name not in absent},
        states=[(state, counts[state]) for state in STATES if counts[state]],
        titles=PAGE_SECTIONS | SUBSECTIONS,
        version=dcbench.__version__,
    )


def make_policy(script: str) -> str:
    """Return the content security policy: the page may run this script only, and load nothing from elsewhere."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # 'self' is for `dcbench report --watch`, whose script asks the same server for newer pages.
    return (
        f"default-src 'none'; script-src 'sha256-{digest}' 'self'; connect-src 'self'; img-src data:; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def place_figures(figures: Sequence[DrawnFigure]) -> dict[str, list[PageFigure]]:
    """Return the figures of each section."""
    placed: dict[str, list[PageFigure]] = {name: [] for name in PAGE_SECTIONS}
    for number, figure in enumerate(figures):
        # A figure's files are named `plugin` or `plugin_axis`, and one plug-in's name may begin with another's.
        plugins = [name for name in (*FIGURE_SECTIONS, *REPLACED_FIGURES) if f"{figure.name}_".startswith(f"{name}_")]
        plugin = max(plugins, key=len, default="")
        if plugin not in REPLACED_FIGURES:
            alternative = f"{figure.title}. {figure.caption} {figure.note}".strip()
            svg = Markup(inline_svg(figure.svg, f"f{number}", alternative))
            page_figure = PageFigure(id=f"figure-{number}", title=figure.title, caption=figure.caption, svg=svg)
            placed[FIGURE_SECTIONS.get(plugin, "more")].append(page_figure)
    return placed


def _tabulate_evidence(analysis: Analysis, tables: Mapping[str, pd.DataFrame], audit: Audit) -> dict[str, Any]:
    """Return the tables of all sections."""
    return {
        "quality": METRICS[analysis.quality].label,
        "ruler": analysis.ruler,
        "effects": page_tables.tabulate_effects(analysis),
        "interactions": page_tables.tabulate_interactions(analysis),
        "levels": page_tables.tabulate_levels(analysis),
        "ranks": page_tables.tabulate_ranks(analysis),
        "rules": page_tables.tabulate_rules(analysis),
        "rulers": page_tables.tabulate_gains(analysis),
        "over_pixels": page_tables.tabulate_over_pixels(analysis),
        "noise_floor": page_tables.tabulate_noise_floor(analysis),
        "final": page_tables.tabulate_final(tables["final"], analysis.axes),
        "baseline_levels": page_tables.tabulate_baselines(tables["baselines"]),
        "audit": page_tables.tabulate_frame(tables["audit"]),
        "problems": page_tables.tabulate_frame(tables["problems"]),
        "parity": page_tables.tabulate_parity(tables["parity"]),
        "parity_stages": PARITY_STAGES,
        "times": page_tables.tabulate_stage_times(tables["stage_times"]),
        "unhealthy": page_tables.tabulate_unhealthy_runs(analysis),
        "unfinished": page_tables.tabulate_frame(tables["unfinished"].drop(columns="last_lines")),
        "baseline_runs": page_tables.tabulate_baseline_runs(analysis.results.baselines),
    }


def _describe_runs(analysis: Analysis) -> dict[str, Any]:
    """Return the table of runs, the map, and the curves with what they can be coloured and grouped by."""
    runs, coverage = make_run_table(analysis), lay_out_coverage(analysis)
    # Curves are of finished runs only, so grouping them by state says nothing.
    groupings = [(index, field.name) for index, field in enumerate(runs.filters) if field.name != "state"]
    # By default a choice has the colours and a condition the panels.
    axes = {index: analysis.axes[name] for index, name in groupings if name in analysis.axes}
    squares = Counter(square.state for square in coverage.squares)
    return {
        "runs": runs,
        "coverage": coverage,
        "square_counts": [(state, SQUARE_LABELS.get(state, state), count) for state, count in squares.items()],
        "curve_labels": [METRICS[name].axis_label for name in curve_data.choose_metrics(analysis)],
        "curve_step": curve_data.choose_epoch_step(analysis),
        "curve_data": curve_data.pack_curves(analysis),
        "groupings": groupings,
        "colour_by": next((index for index, axis in axes.items() if not axis.is_condition), None),
        "panels_by": next((index for index, axis in axes.items() if axis.is_condition), None),
    }
