"""The reporter: a matrix's results become figures, tables and one offline page.

In: a results folder. Out: reports/<name>/index.html, figures/*.png and *.svg, tables/*.csv.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dcbench import results
from dcbench.analysis import analyse
from dcbench.audit import audit
from dcbench.errors import ResultsError
from dcbench.files import write_aside
from dcbench.report import figures, page, tables
from dcbench.rundir import MatrixDir


@dataclass(frozen=True)
class Written:
    """What a report came to: the page, the runs planned and done, and what was wrong with the files read."""

    page: Path
    runs: int
    done: int
    notes: list[str]


def write(folder: MatrixDir, out: Path) -> Written:
    """Write the whole report of one matrix; figures of axes that are gone go with them."""
    found = results.read(folder)
    target = out / found.name
    try:
        for name in ("figures", "tables"):
            shutil.rmtree(target / name, ignore_errors=True)
            (target / name).mkdir(parents=True, exist_ok=True)
        told = analyse(found)
        drawn = figures.write(told, target / "figures")
        audited = audit(folder)
        found.notes.extend(audited.notes)
        made = tables.make(told, audited)
        for name, table in made.items():
            write_aside(target / "tables" / f"{name}.csv", table.to_csv(index=False))
        write_aside(target / "index.html", page.render(told, drawn, made, audited))
    except OSError as error:
        raise ResultsError(
            f"{error.filename or target}: {os.strerror(error.errno or 0)}; choose a folder you can write with --out"
        ) from error
    states = [*found.runs["state"], *(found.baselines["state"] if len(found.baselines) else [])]
    return Written(target / "index.html", len(states), states.count("done"), found.notes)
