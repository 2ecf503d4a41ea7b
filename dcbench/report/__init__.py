"""The reporter: a matrix's results become figures, tables and one offline page.

In: a results folder. Out: reports/<name>/index.html, data.parquet, figures/ and tables/ in the formats that are wanted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd

from dcbench import audit, results
from dcbench import ledger as ledgers
from dcbench.analysis import OUTCOMES, analyse
from dcbench.audit import Audit
from dcbench.errors import ResultsError
from dcbench.files import write_aside
from dcbench.ledger import Ledger
from dcbench.report import data, figures, formats, page, tables
from dcbench.rundir import MatrixDir
from dcbench.spread import spread
from dcbench.statistics.effects import Outcome
from dcbench.statistics.finals import Rule

TABLES: dict[str, Callable[[pd.DataFrame], str]] = {
    "csv": lambda table: table.to_csv(index=False),
    "md": formats.markdown,
    "tex": formats.latex,
}
"""Format -> the text of a table."""

FORMATS = (*figures.DPI, *TABLES)


@dataclass(frozen=True)
class Asked:
    """What a report is asked: outcomes with their margins, rules for curves, formats of figures and tables."""

    outcomes: tuple[Outcome, ...] = OUTCOMES
    rules: dict[str, Rule] = field(default_factory=dict)
    formats: tuple[str, ...] = FORMATS


@dataclass(frozen=True)
class Written:
    """What a report came to: the page, the runs planned and done, and what was wrong with the files read."""

    page: Path
    runs: int
    done: int
    notes: list[str]


def write(folder: MatrixDir, out: Path, asked: Asked | None = None) -> Written:
    """Write the whole report of one matrix; figures of axes that are gone go with them."""
    asked = asked or Asked()
    ledger = ledgers.opened(folder)
    found, audited = results.of(ledger), _audited(ledger)
    target = out / found.name
    try:
        for name in ("figures", "tables"):
            shutil.rmtree(target / name, ignore_errors=True)
            (target / name).mkdir(parents=True, exist_ok=True)
        told = analyse(found, asked.outcomes, asked.rules)
        drawn = figures.write(told, target / "figures", [kind for kind in figures.DPI if kind in asked.formats])
        found.notes.extend(audited.notes)
        made = tables.make(told, audited)
        for name, table in made.items():
            for kind in (one for one in TABLES if one in asked.formats):
                write_aside(target / "tables" / f"{name}.{kind}", TABLES[kind](table))
        data.write(found.rows, target)
        write_aside(target / "index.html", page.render(told, drawn, made, audited))
    except OSError as error:
        raise ResultsError(
            f"{error.filename or target}: {os.strerror(error.errno or 0)}; choose a folder you can write with --out"
        ) from error
    states = [*found.runs["state"], *(found.baselines["state"] if len(found.baselines) else [])]
    return Written(target / "index.html", len(states), states.count("done"), found.notes)


def _audited(ledger: Ledger) -> Audit:
    """The audit of the same runs, their evidence gathered on all cores where they are many."""
    gather = partial(audit.evidence, names=audit.varied(ledger.plan))
    told = spread(gather, ledger.done, results.rows_planned(ledger))
    return audit.judged(ledger, chain.from_iterable(told))
