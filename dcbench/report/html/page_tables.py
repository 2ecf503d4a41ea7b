"""The page's tables: frames as text, labelled, with units and as many digits as a number bears.

In: an Analysis and the report's tables. Out: Tables, whose cells the template escapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import GAIN
from dcbench.analysis.summary import DERIVED_METRICS, Analysis, metric_spec, name_baseline
from dcbench.audit.health import HEALTH_STATES
from dcbench.core.columns import COLUMNS
from dcbench.core.spec import format_value
from dcbench.parity.table import MEASURES
from dcbench.parity.table import STAGES as PARITY_STAGES
from dcbench.report.numbers import TIMES, format_difference, format_number, format_percent, format_ratio
from dcbench.report.tables import FINAL, LEVEL_KEYS

LABELS = {name: column.axis_label for name, column in (COLUMNS | DERIVED_METRICS).items()}
LABELS |= {"acted": "did differ", "outcome_differs": "outcome differs", "must_share": "random numbers to share"}
LABELS |= {"random_numbers_common": "shared", "run": "run", "told": "what was found"}


BASIS = [f"cells {TIMES} seeds", "left out", "p (Holm)"]
"""Heads of what a mean stands on."""

Cell = str | tuple[str, str]
"""A cell's text, or its text and what stands small under it."""


@dataclass(frozen=True)
class Table:
    """A table as the page shows it; the first `words` columns are text, the others numbers."""

    head: list[str]
    lines: Sequence[Sequence[Cell]]
    words: int = 99


def effects(analysis: Analysis) -> dict[str, Table]:
    """Label of a metric -> all its swaps, what the sentences speak of first."""
    head = ["choice", "swap", "comes along", "verdict", "mean change", "95 % interval", "for other cells"]
    head += ["better in", "pairs", *BASIS]
    found = {}
    for outcome in sorted(analysis.outcomes, key=lambda one: one.name != analysis.quality):
        lines = analysis.effects[analysis.effects["metric"] == outcome.name]
        if len(lines):
            found[metric_spec(outcome.name).label] = Table(
                head, [_effect(analysis, line, outcome) for _, line in lines.iterrows()], 4
            )
    return found


def _effect(analysis: Analysis, line: pd.Series, outcome: Outcome) -> list[Cell]:
    swap = f"{format_value(line['before'])} → {format_value(line['after'])}"
    neutral = outcome.better is None or analysis.axes[line["axis"]].is_neutral(outcome.name)
    improved = "" if neutral else format_percent(line["improved"])
    pairs = f"{line['pairs']} of {line['planned']}"
    words = [line["axis"], swap, line["brings"], line["verdict"]]
    return [*words, *_figures(line, outcome), improved, pairs, *_basis(line)]


def interactions(analysis: Analysis) -> Table:
    """How two axes act on each other, by what the sentences speak of."""
    head = ["swap", "where", "instead of", "verdict", "how much larger", "95 % interval", "for other cells"]
    head += BASIS
    outcome = next((one for one in analysis.outcomes if one.name == analysis.quality), None)
    lines = analysis.interactions[analysis.interactions["metric"] == analysis.quality]
    return Table(head, [_interaction(line, outcome) for _, line in lines.iterrows()] if outcome else [], 4)


def _interaction(line: pd.Series, outcome: Outcome) -> list[Cell]:
    swap = f"{line['axis']} {format_value(line['before'])} → {format_value(line['after'])}"
    where = [f"{line['with_axis']} {format_value(line[name])}" for name in ("with_after", "with_before")]
    return [swap, *where, line["verdict"], *_figures(line, outcome), *_basis(line)]


def _figures(line: pd.Series, outcome: Outcome) -> list[str]:
    """Mean and both intervals."""
    form = format_ratio if outcome.ratio else format_difference
    return [form(line["mean"]), *(_spread(line, names, form) for names in (("low", "high"), OTHERS))]


OTHERS = ("other_cells_low", "other_cells_high")


def _spread(line: pd.Series, names: tuple[str, str], form: Any) -> str:
    low, high = (form(line[name]) for name in names)
    return f"{low} to {high}" if low else ""


def _basis(line: pd.Series) -> list[str]:
    p = "" if pd.isna(line["p_holm"]) else f"{line['p_holm']:.2g}"
    return [f"{line['cells']} {TIMES} {line['seeds']}", str(line["left_out"]), p]


def levels(analysis: Analysis) -> Table:
    """Each value of each axis on the cells and seeds that all its values have."""
    lines = analysis.levels[analysis.levels["metric"] == analysis.quality]
    told_lines = [
        [line["axis"], format_value(line["value"]), format_number(line["mean"]), _spread(line, ("low", "high"), format_number),
         f"{line['cells']} {TIMES} {line['seeds']}", str(line["left_out"])]
        for _, line in lines.iterrows()
    ]  # fmt: skip
    return Table(["axis", "value", "mean", "95 % interval", *BASIS[:2]], told_lines, 2)


def rules(analysis: Analysis) -> Table:
    """How each metric became a number, which way is better, and what counts as the same."""
    lines = []
    for one in analysis.outcomes:
        same = f"a factor of {one.margin:g}" if one.ratio else f"±{one.margin:g}"
        what = metric_spec(one.name)
        lines.append([what.axis_label, analysis.rule(one.name), one.better or "neither", same, what.help])
    return Table(["metric", "rule", "better", "the same within", "what it is"], lines)


def ranks(analysis: Analysis) -> Table:
    """Mean ranks of the values of an axis of three values on, and what can be told from them."""
    lines = []
    for one in analysis.rankings:
        if one.metric == analysis.quality:
            order = sorted(one.ranks, key=lambda value: one.ranks[value])
            means = ", ".join(f"{format_value(value)} {one.ranks[value]:.2f}" for value in order)
            told_of = one.missing_reason or f"differences above {one.critical:.2f} are critical (p = {one.p:.2g})"
            lines.append([one.axis, means, str(one.blocks), told_of])
    return Table(["axis", "mean ranks over cells, 1 is best", "cells", "what can be told"], lines)


def final(table: pd.DataFrame, axes: Iterable[str]) -> Table:
    """The final table: a line a cell, means over the seeds, with the range under them."""
    names = list(axes)
    lines = []
    for row in table.to_dict("records"):
        cells: list[Cell] = [format_value(row[axis]) for axis in names]
        cells += [f"{row['done']} of {row['planned']}", row["health"]]
        lines.append(cells + [_mean(row, metric) for metric in FINAL])
    return Table([*names, "seeds done", "health", *(LABELS[metric] for metric in FINAL)], lines, len(names) + 2)


def _mean(row: dict[Any, Any], metric: str) -> tuple[str, str]:
    form = format_difference if metric == GAIN else format_number
    spread = f"{form(row[f'{metric}_low'])} to {form(row[f'{metric}_high'])}" if row["done"] > 1 else ""
    return form(row[metric]), spread if form(row[metric]) else ""


def baselines(table: pd.DataFrame) -> Table:
    """The levels that the scores stand between; columns without a value are left out."""
    kept = table.drop(columns=[name for name in table.columns if table[name].isna().all()])
    scores = [name for name in kept.columns if name in COLUMNS and name not in LEVEL_KEYS]
    plain_part = plain(kept.drop(columns=scores))
    lines = [
        [*words, *map(format_number, figures)]
        for words, figures in zip(plain_part.lines, kept[scores].itertuples(index=False), strict=True)
    ]
    return Table([*plain_part.head, *(LABELS[name] for name in scores)], lines, len(plain_part.head))


def stage_times(table: pd.DataFrame) -> Table:
    """Seconds per epoch of each stage."""
    rounded = {name: table[name].map(lambda value: f"{value:.3g}") for name in ("mean", "low", "high")}
    told = plain(table.assign(**rounded))
    renamed = {"mean": "mean (s per epoch)", "low": "fastest run (s)", "high": "slowest run (s)"}
    return Table([renamed.get(name, name) for name in told.head], told.lines, 5)


def parity(table: pd.DataFrame) -> Table:
    """A line for each measure, a column for each backend or pair; ranges over the starts under the median."""
    if table.empty:
        return Table([], [])
    keys = ["dataset", "limit", "stage", "measure", "k"]
    who = table["backend_a"] + table["backend_b"].map(lambda other: "" if pd.isna(other) else f" / {other}")
    wide = table.assign(who=who, text=table.apply(parity_cell, axis=1)).pivot(index=keys, columns="who", values="text")
    wide = wide.reindex(columns=sorted(wide.columns, key=lambda name: (" / " in name, name))).reset_index()
    places = {"stage": list(PARITY_STAGES), "measure": list(MEASURES)}
    by = ["dataset", "limit", "stage", "measure", "k"]
    wide = wide.sort_values(by, key=lambda part: part.map(places[part.name].index) if part.name in places else part)
    return plain(wide.assign(measure=wide["measure"].map(lambda name: MEASURES[name][0])), len(keys))


def parity_cell(line: Any) -> str:
    """A line of the parity table as text: the median, and the range over the starts where there is one."""
    form = MEASURES[line["measure"]][1]
    if pd.isna(line["value"]):
        return "never" if line["measure"] == "parting_iteration" else ""
    value, low, high = (format(line[name], form) for name in ("value", "lowest", "highest"))
    return value if low == high else f"{value} ({low} to {high})"


def plain(table: pd.DataFrame, words: int = 99) -> Table:
    """A frame as it is, its columns labelled."""
    cells = [["" if pd.isna(value) else format_value(value) for value in row] for row in table.itertuples(index=False)]
    return Table([LABELS.get(name, str(name).replace("_", " ")) for name in table.columns], cells, words)


def sick(analysis: Analysis) -> Table:
    """Finished runs that are degenerate or collapsed at the end, and what shows it."""
    runs = analysis.finals[analysis.finals["health"].isin(HEALTH_STATES[1:])]
    names = ["run_id", *analysis.axes, "seed", "health", "health_since", "health_why"]
    head = ["run", *analysis.axes, "seed", "health", "since epoch", "what shows it"]
    return Table(head, plain(runs[names]).lines)


def baseline_runs(beside: pd.DataFrame) -> Table:
    """Every baseline run: what it is, how it stands, and its scores on test images."""
    if beside.empty:
        return Table([], [])
    scores = ["test_refit_nmi_true", "test_refit_cluster_accuracy", "test_head_accuracy"]
    told = beside.assign(level=beside.apply(name_baseline, axis=1), reason=beside["reason"].fillna(""))
    told.loc[told["method"] == "pixels", "arch"] = None
    told = told.assign(
        **{name: told[name].map(format_number) for name in scores}, seconds=told["seconds"].map(format_number)
    )
    names = ["level", "dataset", "input_channels", "arch", "seed", "state", "reason", "health"]
    names += [*scores, "seconds", "run_id"]
    return Table([LABELS.get(name, name.replace("_", " ")) for name in names], plain(told[names]).lines)
