"""The reporter: a matrix's results become figures, tables and one offline page.

In: a results folder. Out: reports/<name>/index.html, data.parquet, figures/ and tables/ in the formats that are wanted.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from dcbench.analysis import results
from dcbench.analysis.parallel import map_in_parallel, memory_mapped
from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import Rule
from dcbench.analysis.summary import OUTCOMES, Analysis, analyse
from dcbench.audit import axes
from dcbench.audit.axes import Audit
from dcbench.core.store import status as ledgers
from dcbench.core.store.files import replace_folder, write_atomic
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.status import MatrixStatus
from dcbench.errors import ResultsError
from dcbench.report import data, figures, formats, origin, tables
from dcbench.report.html import page
from dcbench.report.origin import Origin

TABLES: dict[str, Callable[[pd.DataFrame], str]] = {
    "csv": lambda table: table.to_csv(index=False),
    "md": formats.markdown,
    "tex": formats.latex,
}
"""Format -> the text of a table."""

FOLDERS = ("figures", "tables")

FORMATS = (*figures.DPI, *TABLES, data.FORMAT)


@dataclass(frozen=True)
class Asked:
    """What a report is asked: outcomes with their margins, rules for curves, formats of figures, tables and rows."""

    outcomes: tuple[Outcome, ...] = OUTCOMES
    rules: dict[str, Rule] = field(default_factory=dict)
    formats: tuple[str, ...] = FORMATS


@dataclass(frozen=True)
class Written:
    """What a report came to: the page, the planned runs in each state, and what was wrong with the files read."""

    page: Path
    counts: Counter[str]
    notes: list[str]

    @property
    def runs(self) -> int:
        """How many runs are planned."""
        return self.counts.total()

    @property
    def done(self) -> int:
        """How many of them are done."""
        return self.counts["done"]


def write(folder: MatrixDir, out: Path, asked: Asked | None = None) -> Written:
    """Write the whole report of one matrix; figures of axes that are gone go with them.

    The old report stays whole until all of the new one is written.
    """
    asked = asked or Asked()
    ledger = ledgers.read_status(folder)
    told, audited = analyse(results.results_of(ledger), asked.outcomes, asked.rules), _audited(ledger)
    target = out / ledger.plan.name
    _refuse_others(target)
    try:
        with replace_folder(target) as fresh, TemporaryDirectory() as place:
            if data.FORMAT in asked.formats:
                data.write(told.results.rows[_stored(told)], fresh)
            told = memory_mapped(told, Path(place), len(told.results.rows))
            pictured = {path.parent.name for path in target.glob("inspect/*/index.html")}
            _fill(fresh, told, audited, origin.read(ledger), asked, pictured)
        if data.FORMAT not in asked.formats:
            (target / data.NAME).unlink(missing_ok=True)  # of an earlier report, with other rows
    except OSError as error:
        raise ResultsError(
            f"{error.filename or target}: {os.strerror(error.errno or 0)}; choose a folder you can write with --out"
        ) from error
    found = told.results
    counts = Counter([*found.runs["state"], *(found.baselines["state"] if len(found.baselines) else [])])
    return Written(target / "index.html", counts, found.notes)


def _refuse_others(target: Path) -> None:
    """Refuse folders that no report wrote: old figures are removed from ours. One that was killed leaves a trace."""
    ours = (target / "index.html").exists() or any(target.glob(".new.*"))
    there = [target / name for name in FOLDERS if (target / name).exists()]
    if there and not ours:
        raise ResultsError(f"{there[0]}: no report wrote it; choose another place with --out, or move it away")


def _stored(analysis: Analysis) -> list[str]:
    """The columns of the rows that are a field or a metric; of fields that move together there is one more as text."""
    return [str(name) for name in analysis.results.rows if name in analysis.results.axes or name not in analysis.axes]


def _audited(ledger: MatrixStatus) -> Audit:
    """The audit of the same runs, their evidence gathered on all cores where they are many."""
    gather = partial(axes.read_evidence, names=axes.varied_fields(ledger.plan))
    told = map_in_parallel(gather, ledger.done, results.rows_planned(ledger))
    return axes.audit_status(ledger, chain.from_iterable(told))


def _fill(fresh: Path, analysis: Analysis, audited: Audit, source: Origin, asked: Asked, pictured: set[str]) -> None:
    """Write figures, tables and the page into an empty folder."""
    for name in FOLDERS:
        (fresh / name).mkdir()
    drawn = figures.write(analysis, fresh / "figures", [kind for kind in figures.DPI if kind in asked.formats])
    analysis.results.notes.extend(audited.notes)
    made = tables.make(analysis, audited)
    for name, table in made.items():
        for kind in (one for one in TABLES if one in asked.formats):
            write_atomic(fresh / "tables" / f"{name}.{kind}", TABLES[kind](table))
    write_atomic(fresh / "index.html", page.render(analysis, drawn, made, audited, source, pictured))
