"""The table of all runs, and the fields by which the reader can filter, colour and group them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dcbench.analysis.results import format_entry
from dcbench.analysis.summary import Analysis
from dcbench.audit.health import HEALTH_STATES
from dcbench.core.columns import list_metrics
from dcbench.core.spec import format_value
from dcbench.core.store.run_state import STATES
from dcbench.figures.style.encoding import get_colour
from dcbench.figures.style.theme import COLOURS
from dcbench.report.html.page_tables import LABELS
from dcbench.report.numbers import format_metric

UNKNOWN_HEALTH = "not known"
"""The value of the filter `health` for runs that are not done."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A field to filter by, with its values in order and their colours."""

    name: str
    values: list[str]
    colours: list[str]


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A planned run as the table shows it.

    Attributes:
        run_id: The id, which is the name of its folder.
        filter_values: The index of its value in each filter.
        fields: Its values of the axes and its seed, as text.
        reason: Why it is in this state, with the kind of failure.
        health: Its health, empty where it is not known.
        health_reason: What shows that it is not healthy.
        numbers: Its scores, its time and how it was timed, as text.
    """

    run_id: str
    filter_values: list[int]
    fields: list[str]
    state: str
    reason: str
    health: str
    health_reason: str
    numbers: list[str]


@dataclass(frozen=True, kw_only=True)
class RunTable:
    """The table of all runs.

    Attributes:
        filters: The fields with more than one value.
        fields: The heads of the columns of fields.
        numbers: The heads of the columns of numbers.
    """

    filters: list[Filter]
    fields: list[str]
    numbers: list[str]
    rows: list[RunRow]


def make_run_table(analysis: Analysis) -> RunTable:
    """Return every planned run with its fields, state, health and final scores."""
    fields = [*analysis.axes, *analysis.results.seed_fields]
    metrics = [analysis.quality, *(name for name in list_metrics("runs") if name != analysis.quality)]
    metrics = [name for name in metrics if name in analysis.all_finals and analysis.all_finals[name].notna().any()]
    runs = analysis.results.runs.merge(analysis.all_finals[["run_id", *metrics]], on="run_id", how="left")
    texts = {name: runs[name].map(format_entry).tolist() for name in fields}
    texts |= {"state": runs["state"].tolist(), "health": runs["health"].fillna(UNKNOWN_HEALTH).tolist()}
    filters = [_make_filter(analysis, name, values) for name, values in texts.items()]
    filters = [choice for choice in filters if len(choice.values) > 1]
    facts = ["run_id", "state", "kind", "reason", "health", "health_why", "seconds", "timing"]
    rows = []
    for number, run in enumerate(runs[[*facts, *metrics]].to_dict("records")):
        scores = [format_metric(name, run[name]) for name in metrics]
        seconds = "" if pd.isna(run["seconds"]) else f"{run['seconds']:.1f}"
        rows.append(
            RunRow(
                run_id=run["run_id"],
                filter_values=[choice.values.index(texts[choice.name][number]) for choice in filters],
                fields=[texts[name][number] for name in fields],
                state=run["state"],
                reason=_join_reasons(run["kind"], run["reason"]),
                health=_join_reasons(run["health"]),
                health_reason=_join_reasons(run["health_why"]),
                numbers=[*scores, seconds, run["timing"]],
            )
        )
    heads = [*(LABELS[name] for name in metrics), "time (s)", "timed"]
    return RunTable(filters=filters, fields=fields, numbers=heads, rows=rows)


def _make_filter(analysis: Analysis, name: str, texts: list[str]) -> Filter:
    """Return the values of a field that some run has, in the order of the plan, coloured as in the figures."""
    values = analysis.axis_values.get(name, ())
    orders = {"state": STATES, "health": (*HEALTH_STATES, UNKNOWN_HEALTH)}
    ordered = orders.get(name) or tuple(map(format_value, values))
    present = [text for text in dict.fromkeys([*ordered, *texts]) if text in set(texts)]
    colours = {format_value(value): get_colour(analysis, name, value) for value in values}
    # States, healths and seeds have no colour in the figures.
    return Filter(
        name=name,
        values=present,
        colours=[colours.get(text, COLOURS[i % len(COLOURS)]) for i, text in enumerate(present)],
    )


def _join_reasons(*parts: object) -> str:
    """Return a kind and a reason as one text, without those that are missing."""
    return ": ".join(str(part).replace("_", " ") for part in parts if isinstance(part, str) and part)
