"""Seconds of each stage, by the library that did it."""

from __future__ import annotations

import pandas as pd

STAGE_LIBRARY = {"pca": "pca_backend", "whiten": "whiten_backend", "kmeans": "kmeans_backend"}
"""Stage -> field of the library that does it; other stages go by `backend`."""


def stage_seconds(rows: pd.DataFrame, stage: str) -> pd.DataFrame:
    """Mean `seconds` of a stage per epoch in each run, over the epochs that have it, with `library` and `timing`."""
    library = STAGE_LIBRARY.get(stage, "backend")
    named = rows.assign(library=rows[library], seconds=rows[f"seconds_{stage}"])
    keys = ["run_id", "library", "dataset", "arch", "timing"]
    return named.groupby(keys, sort=False, observed=True)["seconds"].mean().dropna().reset_index()
