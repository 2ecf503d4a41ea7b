"""The texts of metrics.csv files read into arrays, many at once.

In: texts. Out: for each an array with a line for each of COLUMNS, NaN where the file has no value, or what is wrong.
A call for each of 10,000 files would take longer than reading them all.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyarrow
import pyarrow.csv

from dcbench.core.columns import COLUMNS

_SERIAL = pyarrow.csv.ReadOptions(use_threads=False)  # there is a process for each core already
_FLOATS = pyarrow.csv.ConvertOptions(
    column_types=dict.fromkeys(COLUMNS, pyarrow.float64()),
    include_columns=list(COLUMNS),
    include_missing_columns=True,
)


def parse_metrics(texts: Sequence[str]) -> list[np.ndarray | str]:
    """The array of each text, or what is wrong with it in words."""
    try:
        return list(_together(texts))
    except (pyarrow.ArrowException, ValueError, KeyError):
        return [_alone(text) for text in texts]


def _alone(text: str) -> np.ndarray | str:
    try:
        (found,) = _together([text])
    except (pyarrow.ArrowException, ValueError, KeyError) as error:
        return " ".join(str(error).split())
    return found


def _together(texts: Sequence[str]) -> list[np.ndarray]:
    """The arrays of texts with one header; ValueError where they have several, or do not hold a row a line."""
    headers, bodies = zip(*(text.partition("\n")[::2] for text in texts), strict=True)
    if len(set(headers) - {""}) > 1:
        raise ValueError("the files have different columns")
    counts = [body.count("\n") for body in bodies]
    if not sum(counts):
        return [np.empty((len(COLUMNS), 0)) for _ in texts]
    csv = io.BytesIO("".join([max(headers), "\n", *bodies]).encode())
    table = pyarrow.csv.read_csv(csv, read_options=_SERIAL, convert_options=_FLOATS)
    if table.num_rows != sum(counts):
        raise ValueError("there are empty lines between the rows")
    whole = np.stack([column.to_numpy() for column in table.columns])
    return np.split(whole, np.cumsum(counts)[:-1], axis=1)
