"""Tables for papers and notes: a frame as Markdown or LaTeX, numbers at the digits that they are read with."""

from __future__ import annotations

import pandas as pd

from dcbench import markdown as github
from dcbench.spec import shown


def markdown(table: pd.DataFrame) -> str:
    """A GitHub table."""
    return github.table(list(map(str, table.columns)), _cells(table))


def latex(table: pd.DataFrame) -> str:
    """A booktabs table over as many pages as it takes (longtable), everything escaped."""
    text = pd.DataFrame(_cells(table), columns=list(map(str, table.columns)))
    return str(text.to_latex(index=False, escape=True, longtable=True)).replace("\u2192", r"$\to$")


def _cells(table: pd.DataFrame) -> list[list[str]]:
    return [[cell_text(value) for value in line] for line in table.itertuples(index=False)]


def cell_text(value: object) -> str:
    """A value as a table shows it: four digits of a fraction, nothing where there is none."""
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else shown(value)
