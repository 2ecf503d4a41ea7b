"""Write frames into files: tables as CSV, Markdown or LaTeX, with the digits that a reader needs; rows as Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet

from dcbench.core.spec import format_value
from dcbench.core.store.files import open_atomic
from dcbench.core.text import format_markdown_table

PARQUET = "parquet"
DATA_NAME = f"data.{PARQUET}"

ROWS_PER_GROUP = 100_000
"""Rows converted and written at a time, so that a million of them need no second copy in memory."""

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
"""What pandas' to_latex writes, which takes twenty times as long."""

LATEX_ESCAPES = str.maketrans(
    {mark: f"\\{mark}" for mark in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\u2192": r"$\to$"}
)


def write_parquet(rows: pd.DataFrame, folder: Path) -> None:
    """Write every row with its types to data.parquet in the folder, completely or not at all.

    As text a million rows would be larger than the results that they come from.
    """
    schema = pyarrow.Schema.from_pandas(rows, preserve_index=False)
    # Only categories repeat; a dictionary of numbers that hardly ever do costs time and saves nothing.
    categories = [name for name in rows if isinstance(rows[name].dtype, pd.CategoricalDtype)]
    options = {"compression": "zstd", "use_dictionary": categories}
    with open_atomic(folder / DATA_NAME) as file, pyarrow.parquet.ParquetWriter(file, schema, **options) as writer:
        for start in range(0, max(len(rows), 1), ROWS_PER_GROUP):
            part = rows.iloc[start : start + ROWS_PER_GROUP]
            writer.write_table(pyarrow.Table.from_pandas(part, schema, preserve_index=False))


def format_markdown(table: pd.DataFrame) -> str:
    """Return a table as GitHub shows it."""
    return format_markdown_table(list(map(str, table.columns)), _format_cells(table))


def format_latex(table: pd.DataFrame) -> str:
    """Return a booktabs longtable, which may go over several pages, with everything escaped."""
    # A longtable repeats its head on every page, so it is written twice.
    rows = [list(map(str, table.columns)), *_format_cells(table)]
    head, *lines = (" & ".join(cell.translate(LATEX_ESCAPES) for cell in row) + r" \\" for row in rows)
    columns = len(table.columns)
    return LONGTABLE.format(columns=columns, align="l" * columns, head=head, lines="\n".join(lines))


def format_cell(value: object) -> str:
    """Return a value as a table shows it: fractions with four digits, nothing where there is no value."""
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else format_value(value)


def _format_cells(table: pd.DataFrame) -> Iterable[list[str]]:
    return [[format_cell(value) for value in row] for row in table.itertuples(index=False)]


TABLE_FORMATS: dict[str, Callable[[pd.DataFrame], str]] = {
    "csv": lambda table: table.to_csv(index=False),
    "md": format_markdown,
    "tex": format_latex,
}
"""Format -> the text of a table in it."""
