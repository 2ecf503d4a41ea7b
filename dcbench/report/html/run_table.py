"""The table of all runs, and the filters that narrow it.

In: an Analysis. Out: RunTable, a line for each planned run in the plan's order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from dcbench.analysis.statistics.finals import GAIN
from dcbench.analysis.summary import Analysis
from dcbench.audit.health import HEALTH_STATES
from dcbench.core.spec import format_value
from dcbench.core.store.run_state import STATES
from dcbench.figures.style.encoding import get_colour
from dcbench.figures.style.theme import COLOURS
from dcbench.report.html.page_tables import LABELS
from dcbench.report.numbers import format_difference, format_number

METRICS = (
    "nmi_true", GAIN, "cluster_accuracy", "test_refit_nmi_true", "test_refit_cluster_accuracy",
    "pseudo_label_accuracy", "nmi_previous", "largest_cluster_share", "feature_rank",
)  # fmt: skip

FACTS = ("state", "kind", "reason", "health_why", "seconds", "timing")

NONE = "not known"
"""What a run without a health has there."""


@dataclass(frozen=True)
class Filter:
    """A field that runs can be filtered, coloured and put in panels by, with its values in order."""

    name: str
    values: list[str]
    colours: list[str]


@dataclass(frozen=True)
class Line:
    """A planned run: the place of its value in each filter, its cells, why it is not done or not healthy."""

    run_id: str
    at: list[int]
    words: list[str]
    state: str
    reason: str
    health: str
    health_why: str
    numbers: list[str]


@dataclass(frozen=True)
class RunTable:
    """`words` and `numbers` head a line's cells before and after state and health."""

    filters: list[Filter]
    words: list[str]
    numbers: list[str]
    lines: list[Line]


def run_table(analysis: Analysis) -> RunTable:
    """Every planned run with its axes, seed, state, health and last row."""
    names = [*analysis.axes, "seed"]
    metrics = [name for name in _metrics(analysis) if analysis.finals[name].notna().any()]
    runs = analysis.results.runs.merge(analysis.finals[["run_id", *metrics]], on="run_id", how="left")
    texts = {name: [format_value(None if pd.isna(value) else value) for value in runs[name]] for name in names}
    texts |= {"state": runs["state"].tolist(), "health": runs["health"].fillna(NONE).tolist()}
    filters = [one for one in (_filter(analysis, name, texts[name]) for name in texts) if len(one.values) > 1]
    told_of = runs[["run_id", *FACTS, *metrics]].to_dict("records")
    lines = [_line(run, number, texts, filters, metrics) for number, run in enumerate(told_of)]
    heads = [*(LABELS[name] for name in metrics), "time (s)", "timed"]
    return RunTable(filters, names, heads, lines)


def _metrics(analysis: Analysis) -> list[str]:
    return [analysis.quality, *(name for name in METRICS if name != analysis.quality)]


def _filter(analysis: Analysis, name: str, texts: list[str]) -> Filter:
    """The values that some run has, in the plan's order, states and healths in their own, coloured as in figures."""
    values = analysis.axis_values.get(name, ())
    known = {"state": STATES, "health": (*HEALTH_STATES, NONE)}.get(name) or [format_value(value) for value in values]
    kept = [text for text in dict.fromkeys([*known, *texts]) if text in set(texts)]
    colours = {format_value(value): get_colour(analysis, name, value) for value in values}
    return Filter(name, kept, [colours.get(text, COLOURS[at % len(COLOURS)]) for at, text in enumerate(kept)])


def _line(run: Any, number: int, texts: dict[str, list[str]], filters: list[Filter], metrics: list[str]) -> Line:
    return Line(
        run["run_id"],
        [one.values.index(texts[one.name][number]) for one in filters],
        [texts[name][number] for name in texts if name not in ("state", "health")],
        run["state"],
        reasons(run["kind"], run["reason"]),
        texts["health"][number].replace(NONE, ""),
        reasons(run["health_why"]),
        [*(_figure(name, run[name]) for name in metrics), _seconds(run["seconds"]), run["timing"]],
    )


def reasons(*parts: object) -> str:
    """Kind and reason as one text; nothing where there are none."""
    return ": ".join(str(part).replace("_", " ") for part in parts if isinstance(part, str) and part)


def _figure(name: str, value: float) -> str:
    return format_difference(value) if name == GAIN else format_number(value)


def _seconds(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.1f}"
