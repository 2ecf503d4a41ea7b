"""Tables for papers and notes: a frame as Markdown or LaTeX, numbers at the digits that they are read with."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dcbench.core import text as github
from dcbench.core.spec import format_value


def markdown(table: pd.DataFrame) -> str:
    """A GitHub table."""
    return github.format_markdown_table(list(map(str, table.columns)), _cells(table))


def latex(table: pd.DataFrame) -> str:
    """A booktabs table over as many pages as it takes (longtable), everything escaped."""
    head, *lines = (_line(cells) for cells in (map(str, table.columns), *_cells(table)))
    columns = len(table.columns)
    return LONGTABLE.format(columns=columns, align="l" * columns, head=head, lines="\n".join(lines))


LONGTABLE = r"""\begin{{longtable}}{{{align}}}
\toprule
{head}
\midrule
\endfirsthead
\toprule
{head}
\midrule
\endhead
\midrule
\multicolumn{{{columns}}}{{r}}{{Continued on next page}} \\
\midrule
\endfoot
\bottomrule
\endlastfoot
{lines}
\end{{longtable}}
"""
"""What pandas' to_latex writes, in a twentieth of its time."""

ESCAPED = str.maketrans(
    {mark: f"\\{mark}" for mark in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\u2192": r"$\to$"}
)


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cell.translate(ESCAPED) for cell in cells) + r" \\"


def _cells(table: pd.DataFrame) -> list[list[str]]:
    return [[cell_text(value) for value in line] for line in table.itertuples(index=False)]


def cell_text(value: object) -> str:
    """A value as a table shows it: four digits of a fraction, nothing where there is none."""
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else format_value(value)
