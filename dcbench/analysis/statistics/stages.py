"""Seconds of each stage, by the library that did it."""

from __future__ import annotations

import pandas as pd

STAGE_LIBRARY = {"pca": "pca_backend", "whiten": "whiten_backend", "kmeans": "kmeans_backend"}
"""Stage -> field of the library that does it; other stages go by `backend`."""


def stage_seconds(rows: pd.DataFrame, stage: str) -> pd.DataFrame:
    """Mean `seconds` of a stage per epoch in each run, over the epochs that have it, with `library` and `timing`."""
    library = STAGE_LIBRARY.get(stage, "backend")
    beside = ["run_id", "dataset", "arch", "timing"]
    named = rows[beside].assign(library=rows[library], seconds=rows[f"seconds_{stage}"])
    keys = ["run_id", "library", *beside[1:]]
    return named.groupby(keys, sort=False, observed=True)["seconds"].mean().dropna().reset_index()
