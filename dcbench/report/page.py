"""The one offline page: figures inside it, tables in full, everything escaped by the template engine."""

from __future__ import annotations

import base64
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

import dcbench
from dcbench.analysis import MADE, Analysis
from dcbench.audit import Audit
from dcbench.columns import COLUMNS
from dcbench.parity_table import MEASURES
from dcbench.parity_table import STAGES as PARITY_STAGES
from dcbench.report.figures import Drawn
from dcbench.report.headline import sentences
from dcbench.report.tables import FINAL, LEVEL_KEYS
from dcbench.rundir import STATES
from dcbench.spec import shown
from dcbench.statistics.finals import GAIN

LABELS = {name: column.label for name, column in (COLUMNS | MADE).items()}
LABELS |= {"acted": "did differ", "outcome_differs": "outcome differs", "must_share": "random numbers to share"}
LABELS |= {"random_numbers_common": "shared"}


def render(told: Analysis, drawn: list[Drawn], made: dict[str, pd.DataFrame], audited: Audit) -> str:
    """The HTML of index.html."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    engine = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    found, beside = told.found, told.found.baselines
    counts = Counter([*found.runs["state"], *(beside["state"] if len(beside) else [])])
    return engine.get_template("page.html.j2").render(
        name=found.name,
        version=dcbench.__version__,
        planned=len(found.runs),
        baselines=len(beside),
        headline=list(sentences(told, audited)),
        states=[(state, counts[state]) for state in STATES if counts[state]],
        axes={name: ", ".join(shown(value) for value in values) for name, values in found.axes.items()},
        seeds=", ".join(shown(seed) for seed in sorted(found.runs["seed"].unique())),
        figures=[(figure, base64.b64encode(figure.svg).decode()) for figure in drawn],
        final=_final(made["final"], list(found.axes)),
        levels=_labelled(made["baselines"].drop(columns=_empty(made["baselines"]))),
        audit=_labelled(made["audit"]),
        problems=_plain(made["problems"]),
        parity=_parity(made["parity"]),
        stages=PARITY_STAGES,
        times=_plain(made["stage_times"].round(4)),
        unfinished=_plain(made["unfinished"].drop(columns="last_lines")),
        notes=found.notes,
    )


def _final(table: pd.DataFrame, axes: list[str]) -> dict[str, Any]:
    """Header and cells of the final table: mean over the seeds, with the range under it."""
    lines = []
    for row in table.to_dict("records"):
        cells = [(shown(row[axis]), "") for axis in axes]
        cells += [(f"{row['done']} of {row['planned']}", ""), (row["health"], "")]
        for metric in FINAL:
            spread = f"{_number(row[f'{metric}_low'])} to {_number(row[f'{metric}_high'])}" if row["done"] > 1 else ""
            cells.append((_number(row[metric], signed=metric == GAIN), spread))
        lines.append(cells)
    head = [*axes, "seeds done", "health", *(LABELS[metric] for metric in FINAL)]
    return {"head": head, "lines": lines, "axes": len(axes)}


def _number(value: float, signed: bool = False) -> str:
    """A figure as the table shows it; empty when there is none."""
    if pd.isna(value):
        return ""
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _parity(table: pd.DataFrame) -> dict[str, Any]:
    """A line for each measure, a column for each backend or pair; ranges over the starts under the median."""
    if table.empty:
        return {"head": [], "lines": []}
    keys = ["dataset", "limit", "stage", "measure", "k"]
    who = table["backend_a"] + table["backend_b"].map(lambda other: "" if pd.isna(other) else f" / {other}")
    text = table.apply(parity_cell, axis=1)
    wide = table.assign(who=who, text=text).pivot(index=keys, columns="who", values="text")
    wide = wide.reindex(columns=sorted(wide.columns, key=lambda name: (" / " in name, name))).reset_index()
    order = wide.apply(
        lambda row: (list(PARITY_STAGES).index(row["stage"]), list(MEASURES).index(row["measure"])), axis=1
    )
    wide = wide.assign(order=order).sort_values(["dataset", "limit", "order", "k"]).drop(columns="order")
    return _plain(wide.assign(measure=wide["measure"].map(lambda name: MEASURES[name][0])))


def parity_cell(line: Any) -> str:
    """A line of the parity table as text: the median, and the range over the starts where there is one."""
    form = MEASURES[line["measure"]][1]
    if pd.isna(line["value"]):
        return "never" if line["measure"] == "parting_iteration" else ""
    value, low, high = (format(line[name], form) for name in ("value", "lowest", "highest"))
    return value if low == high else f"{value} ({low} to {high})"


def _empty(table: pd.DataFrame) -> list[str]:
    """Columns without a value in any line."""
    return [name for name in table.columns if table[name].isna().all()]


def _labelled(table: pd.DataFrame) -> dict[str, Any]:
    """A table with its columns' labels, and scores to three digits."""
    rounded = {name: table[name].map(_number) for name in table.columns if name in COLUMNS}
    kept = [name for name in rounded if name not in LEVEL_KEYS]
    plain = _plain(table.assign(**{name: rounded[name] for name in kept}))
    return plain | {"head": [LABELS.get(name, name) for name in table.columns], "numbers": len(kept)}


def _plain(table: pd.DataFrame) -> dict[str, Any]:
    cells = [["" if pd.isna(value) else shown(value) for value in row] for row in table.itertuples(index=False)]
    return {"head": list(table.columns), "lines": cells}
