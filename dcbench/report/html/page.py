"""The one offline page: answers first, figures and tables as their evidence, everything escaped by the template engine.

In: an Analysis, drawn figures, the report's tables, an Audit, and what the runs were made with. Out: the HTML.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

import dcbench
from dcbench.analysis.summary import Analysis, metric_spec
from dcbench.audit.axes import Audit
from dcbench.core.spec import format_value
from dcbench.core.store.run_state import STATES
from dcbench.core.text import plural
from dcbench.figures.style.theme import BACKGROUNDS, INK
from dcbench.parity.table import STAGES as PARITY_STAGES
from dcbench.report.figures import Drawn
from dcbench.report.findings.questions import answer_questions
from dcbench.report.html import curve_data, page_tables
from dcbench.report.html.coverage import coverage, squares_of
from dcbench.report.html.inline_svg import inline
from dcbench.report.html.run_table import run_table
from dcbench.report.origin import Origin

HERE = Path(__file__).parent
SCRIPTS = ("store.js", "table.js", "map.js", "curves.js")

SECTIONS = {
    "answers": "In short",
    "effects": "What each choice does",
    "rules": "How the verdicts are made",
    "curves": "Curves",
    "cells": "Scores of every cell",
    "levels": "What the scores stand between",
    "times": "Time",
    "health": "Health and collapse",
    "backends": "Libraries compared",
    "audit": "Does every axis act?",
    "more": "More figures",
    "runs": "The runs",
    "provenance": "Made with",
}
"""Id of each section -> its title, in order."""

INSIDE = {"coverage": "Coverage", "unfinished": "Failed and missing runs", "notes": "Read with care"}
"""Parts of sections that sentences lead to."""

PLACES = {
    "forest": "effects", "interactions": "effects", "ranks": "effects", "numeric": "effects",
    "curves": "curves", "heatmap": "cells", "accuracy_cost": "times", "stage_times": "times",
    "occupancy": "health", "stability": "health", "parity": "backends",
}  # fmt: skip
"""Plot -> the section it stands in; others stand in `more`."""

STOOD = {"degenerate": "done, degenerate", "collapsed": "done, collapsed"}
"""What a square is called that is done and not healthy."""

REPLACED = {"coverage"}
"""Plots whose place on the page a live table takes."""


@dataclass(frozen=True)
class Shown:
    """A figure as an element of the page."""

    id: str
    title: str
    caption: str
    svg: Markup


def render(
    analysis: Analysis,
    drawn: list[Drawn],
    made: dict[str, pd.DataFrame],
    audited: Audit,
    origin: Origin,
    pictured: Collection[str] = (),
) -> str:
    """The HTML of index.html; `pictured` are the runs that have a page of pictures beside it."""
    script = "\n".join((HERE / "assets" / name).read_text(encoding="utf-8") for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    placed = _placed(drawn)
    given = _head(analysis) | _evidence(analysis, made, audited) | _runs(analysis, made)
    template = _engine().get_template("page.html.j2")
    return template.render(
        **given,
        answers=answer_questions(analysis, audited),
        pictured=pictured,
        drawn=placed,
        sections=[(name, title) for name, title in SECTIONS.items() if _stands(name, analysis, placed)],
        names=SECTIONS | INSIDE,
        made_with=origin.facts,
        matrix=origin.matrix,
        script=Markup(script),
        policy=policy(script),
    )


def policy(script: str) -> str:
    """What the page may do: run this script, nothing from anywhere; `self` is for `dcbench report --watch`."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}' 'self'; connect-src 'self'; img-src data:; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def _engine() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(HERE / "templates")
    engine = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    engine.filters["plural"] = plural
    return engine


def _stands(name: str, analysis: Analysis, placed: dict[str, list[Shown]]) -> bool:
    """Whether the page has the section."""
    return bool(placed[name]) if name in ("curves", "more") else bool(analysis.axes) or name != "effects"


def _placed(drawn: list[Drawn]) -> dict[str, list[Shown]]:
    """The figures by section; the longest plot name that a figure's begins with is its plot."""
    placed: dict[str, list[Shown]] = {name: [] for name in SECTIONS}
    for number, figure in enumerate(drawn):
        known = [part for part in (*PLACES, *REPLACED) if f"{figure.name}_".startswith(f"{part}_")]
        plot = max(known, key=len, default="")
        if plot not in REPLACED:
            alternative = f"{figure.title}. {figure.caption} {figure.note}".strip()
            svg = Markup(inline(figure.svg, f"f{number}", alternative))
            placed[PLACES.get(plot, "more")].append(Shown(f"figure-{number}", figure.title, figure.caption, svg))
    return placed


def _head(analysis: Analysis) -> dict[str, Any]:
    found, beside = analysis.results, analysis.results.baselines
    counts = Counter([*found.runs["state"], *(beside["state"] if len(beside) else [])])
    return {
        "name": found.name,
        "version": dcbench.__version__,
        "css": Markup(_engine().get_template("page.css.j2").render(ink=INK, paper=BACKGROUNDS)),
        "planned": len(found.runs),
        "baselines": len(beside),
        "states": [(state, counts[state]) for state in STATES if counts[state]],
        "axes": {name: ", ".join(format_value(value) for value in axis.values) for name, axis in analysis.axes.items()},
        "seeds": ", ".join(format_value(seed) for seed in sorted(found.runs["seed"].unique())),
        "notes": found.notes,
    }


def _evidence(analysis: Analysis, made: dict[str, pd.DataFrame], audited: Audit) -> dict[str, Any]:
    """The tables of the sections."""
    return {
        "quality": metric_spec(analysis.quality).label,
        "effects": page_tables.effects(analysis),
        "interactions": page_tables.interactions(analysis),
        "levels": page_tables.levels(analysis),
        "ranks": page_tables.ranks(analysis),
        "rules": page_tables.rules(analysis),
        "final": page_tables.final(made["final"], analysis.axes),
        "baselines_table": page_tables.baselines(made["baselines"]),
        "audit": page_tables.plain(made["audit"]),
        "problems": page_tables.plain(made["problems"]),
        "parity": page_tables.parity(made["parity"]),
        "stages": PARITY_STAGES,
        "times": page_tables.stage_times(made["stage_times"]),
        "sick": page_tables.sick(analysis),
        "unfinished": page_tables.plain(made["unfinished"].drop(columns="last_lines")),
    }


def _runs(analysis: Analysis, made: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """The table of runs, the map, and the curves with their choices."""
    runs, names = run_table(analysis), curve_data.metrics(analysis)
    by = [(index, one.name) for index, one in enumerate(runs.filters) if one.name != "state"]
    conditions = [index for index, name in by if name in analysis.axes and analysis.axes[name].is_condition]
    choices = [index for index, name in by if name in analysis.axes and index not in conditions]
    states = Counter(one.state for one in squares_of(analysis))
    return {
        "runs": runs,
        "map": coverage(analysis),
        "square_counts": [(state, STOOD.get(state, state), states[state]) for state in states],
        "curves": [metric_spec(name).axis_label for name in names],
        "every": curve_data.every(analysis),
        "data": curve_data.packed(analysis),
        "by": by,
        "colour_by": next(iter(choices), None),
        "panels_by": next(iter(conditions), None),
        "baseline_runs": page_tables.baseline_runs(analysis.results.baselines),
    }
