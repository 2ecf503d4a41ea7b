"""Write the report of a matrix: index.html, data.parquet, figures/ and tables/ below reports/<name>/."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from dcbench.analysis import results
from dcbench.analysis.parallel import map_in_parallel, share_memory
from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import CurveRule
from dcbench.analysis.summary import OUTCOMES, analyse
from dcbench.audit import axes
from dcbench.core.store.files import replace_folder, write_atomic
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.status import read_status
from dcbench.errors import ResultsError
from dcbench.report.figures import DPI, draw_figures
from dcbench.report.formats import DATA_NAME, PARQUET, TABLE_FORMATS, write_parquet
from dcbench.report.html.page import render_page
from dcbench.report.provenance import read_provenance
from dcbench.report.tables import make_tables

FOLDERS = ("figures", "tables")
"""The folders of a report that are replaced as a whole."""

FORMATS = (*DPI, *TABLE_FORMATS, PARQUET)
"""Every format of figures, of tables and of the rows."""


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """What a report contains.

    Attributes:
        outcomes: The metrics whose effects it states, with their margins.
        rules: For each metric, how a curve becomes a number where it is not the last row.
        ruler: The name of the ruler that judges choices; None for the default one.
        formats: The formats of figures, tables and rows.
    """

    outcomes: tuple[Outcome, ...] = OUTCOMES
    rules: Mapping[str, CurveRule] = field(default_factory=dict)
    ruler: str | None = None
    formats: tuple[str, ...] = FORMATS


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """A report on disk.

    Attributes:
        page: The path of index.html.
        counts: How many planned runs, baselines among them, are in each state.
        notes: What was wrong with the files that were read.
    """

    page: Path
    counts: Counter[str]
    notes: list[str]


def write_report(folder: MatrixDir, out: Path, settings: ReportSettings | None = None) -> WrittenReport:
    """Write the whole report of one matrix under `out`; the old report stays until all of the new one is there.

    Figures and tables of the old report that the new one does not have are removed.
    """
    settings = settings or ReportSettings()
    status = read_status(folder)
    target = out / status.plan.name
    _refuse_foreign_folder(target)
    analysis = analyse(results.collect_results(status), settings.outcomes, settings.rules, settings.ruler)
    # The evidence of many runs is read on all cores.
    read_evidence = partial(axes.read_evidence, fields=axes.list_axis_fields(status.plan))
    evidence = map_in_parallel(read_evidence, status.done, results.count_planned_rows(status))
    audit = axes.audit_status(status, chain.from_iterable(evidence))
    try:
        with replace_folder(target) as fresh, TemporaryDirectory() as temporary:
            for name in FOLDERS:
                (fresh / name).mkdir()
            if PARQUET in settings.formats:
                # An axis of several fields has a text column of its own, which only the report needs.
                joint = [name for name, axis in analysis.axes.items() if len(axis.fields) > 1]
                write_parquet(analysis.results.rows.drop(columns=joint), fresh)
            # Processes that draw figures share one copy of the rows. It lies in a file of the temporary folder.
            analysis = share_memory(analysis, Path(temporary), len(analysis.results.rows))
            figures = draw_figures(analysis, fresh / "figures", [kind for kind in DPI if kind in settings.formats])
            tables = make_tables(analysis, audit)
            for name, table in tables.items():
                for kind, format_table in TABLE_FORMATS.items():
                    if kind in settings.formats:
                        write_atomic(fresh / "tables" / f"{name}.{kind}", format_table(table))
            analysis.results.notes.extend(audit.notes)
            inspected = {path.parent.name for path in target.glob("inspect/*/index.html")}
            page = render_page(analysis, figures, tables, audit, read_provenance(status), inspected)
            write_atomic(fresh / "index.html", page)
        if PARQUET not in settings.formats:
            (target / DATA_NAME).unlink(missing_ok=True)  # of an earlier report, with other rows
    except OSError as error:
        raise ResultsError(
            f"{error.filename or target}: {os.strerror(error.errno or 0)}; choose a folder you can write with --out"
        ) from error
    runs, baselines = analysis.results.runs, analysis.results.baselines
    counts = Counter([*runs["state"], *(baselines["state"] if len(baselines) else [])])
    return WrittenReport(page=target / "index.html", counts=counts, notes=analysis.results.notes)


def _refuse_foreign_folder(target: Path) -> None:
    """Refuse a folder with figures or tables that no report wrote, since a report removes old ones."""
    # A report that was killed before it had a page leaves a `.new.` folder.
    ours = (target / "index.html").exists() or any(target.glob(".new.*"))
    present = [target / name for name in FOLDERS if (target / name).exists()]
    if present and not ours:
        raise ResultsError(
            f"{present[0]}: not written by dcbench report; choose another folder with --out, or move it away"
        )
