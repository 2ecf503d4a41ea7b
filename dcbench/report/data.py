"""data.parquet: every row of every finished run, typed, for work that the page does not do.

In: the rows of a Results. Out: one file, which `pandas.read_parquet` gives back with its types. As text a million rows
are larger than the results that they come from.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet

from dcbench.core.store.files import open_atomic

FORMAT = "parquet"
NAME = f"data.{FORMAT}"
GROUP = 100_000
"""Rows converted and written at a time, so that a million need no second copy in memory."""


def write(rows: pd.DataFrame, folder: Path) -> None:
    """Put data.parquet into the folder, whole or not at all."""
    schema = pyarrow.Schema.from_pandas(rows, preserve_index=False)
    # a dictionary of figures that hardly ever repeat only takes time
    how = {"compression": "zstd", "use_dictionary": [name for name in rows if is_categorical(rows[name])]}
    with open_atomic(folder / NAME) as file, pyarrow.parquet.ParquetWriter(file, schema, **how) as writer:
        for start in range(0, max(len(rows), 1), GROUP):
            part = rows.iloc[start : start + GROUP]
            writer.write_table(pyarrow.Table.from_pandas(part, schema, preserve_index=False))


def is_categorical(column: pd.Series) -> bool:
    """Whether the column's values are categories."""
    return isinstance(column.dtype, pd.CategoricalDtype)
