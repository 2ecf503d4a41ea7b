"""A digest of a frame's columns and values that does not depend on the version of pandas."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype


def frame_digest(frame: pd.DataFrame) -> str:
    """Return a SHA-256 over the names and values of all columns, numbers as float64 and everything else as text."""
    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name}\n".encode())
        if is_numeric_dtype(column):
            digest.update(np.ascontiguousarray(column.to_numpy(np.float64, na_value=np.nan)).tobytes())
        else:
            digest.update("\n".join("" if pd.isna(value) else str(value) for value in column).encode())
    return digest.hexdigest()
