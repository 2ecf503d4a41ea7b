"""The one offline page: figures inside it, tables in full, everything escaped by the template engine."""

from __future__ import annotations

import base64
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

import dcbench
from dcbench import statistics
from dcbench.columns import COLUMNS
from dcbench.report.figures import Drawn
from dcbench.report.tables import FINAL
from dcbench.results import Results
from dcbench.rundir import STATES
from dcbench.spec import shown

LABELS = {statistics.GAIN: "gain over untrained"} | {name: column.label for name, column in COLUMNS.items()}


def render(found: Results, drawn: list[Drawn], made: dict[str, pd.DataFrame]) -> str:
    """The HTML of index.html."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    engine = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    counts = Counter(found.runs["state"])
    return engine.get_template("page.html.j2").render(
        name=found.name,
        version=dcbench.__version__,
        planned=len(found.runs),
        states=[(state, counts[state]) for state in STATES if counts[state]],
        axes={name: ", ".join(shown(value) for value in values) for name, values in found.axes.items()},
        seeds=", ".join(shown(seed) for seed in sorted(found.runs["seed"].unique())),
        figures=[(figure, base64.b64encode(figure.svg).decode()) for figure in drawn],
        final=_final(made["final"], list(found.axes)),
        times=_plain(made["stage_times"].round(4)),
        unfinished=_plain(made["unfinished"]),
        notes=found.notes,
    )


def _final(table: pd.DataFrame, axes: list[str]) -> dict[str, Any]:
    """Header and cells of the final table: mean over the seeds, with the range under it."""
    lines = []
    for row in table.to_dict("records"):
        cells = [(shown(row[axis]), "") for axis in axes] + [(f"{row['done']} of {row['planned']}", "")]
        for metric in FINAL:
            spread = f"{_number(row[f'{metric}_low'])} to {_number(row[f'{metric}_high'])}" if row["done"] > 1 else ""
            cells.append((_number(row[metric], signed=metric == statistics.GAIN), spread))
        lines.append(cells)
    return {"head": [*axes, "seeds done", *(LABELS[metric] for metric in FINAL)], "lines": lines, "axes": len(axes)}


def _number(value: float, signed: bool = False) -> str:
    """A figure as the table shows it; empty when there is none."""
    if pd.isna(value):
        return ""
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _plain(table: pd.DataFrame) -> dict[str, Any]:
    cells = [["" if pd.isna(value) else shown(value) for value in row] for row in table.itertuples(index=False)]
    return {"head": list(table.columns), "lines": cells}
