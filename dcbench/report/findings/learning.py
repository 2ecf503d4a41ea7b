"""Decide which finished runs learned anything: by health, against their own untrained network, and against pixels."""

from __future__ import annotations

import pandas as pd

from dcbench.analysis.results import join_entries
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import GAIN

SCORE = "test_refit_nmi_true"
"""The score that compares runs with pixels: on test images, with as many clusters as classes."""

SAME_IMAGES = ["dataset", "limit", "test_limit"]
"""Fields in which a run and its pixel baselines agree."""


def judge_learning(analysis: Analysis) -> pd.DataFrame:
    """Return what each finished run learned.

    The columns are run_id, dataset, health and the gain; `pixels`, the best mean score of a pixel baseline on the same
    images; and three booleans that are NA where they are not known: `over_untrained` (the gain is above its margin),
    `over_pixels`, and `learned` (the run is healthy and above whatever is known).
    """
    runs = analysis.finals.reset_index(drop=True)
    table, score = runs[["run_id", "dataset", "health", GAIN]].copy(), pd.to_numeric(runs[SCORE])
    table["pixels"] = _name_images(runs).map(score_pixels(analysis.results.baselines)).astype(float)
    table["over_untrained"] = (table[GAIN] > gain_margin(analysis)).astype("boolean").mask(table[GAIN].isna())
    table["over_pixels"] = (score > table["pixels"]).astype("boolean").mask(score.isna() | table["pixels"].isna())
    above = table[["over_untrained", "over_pixels"]]
    # What is not known is not held against a run, unless nothing is known at all.
    passed = above.fillna(True).all(axis=1) & (table["health"] == "healthy")
    table["learned"] = passed.astype("boolean").mask(above.isna().all(axis=1))
    return table


def gain_margin(analysis: Analysis) -> float:
    """Return how far a run has to be above its untrained network to count; 0 where no run has a gain."""
    return analysis.outcome_by_name[GAIN].margin if GAIN in analysis.outcome_by_name else 0.0


def score_pixels(baselines: pd.DataFrame) -> dict[str, float]:
    """Return the highest mean score of a finished pixel baseline for each set of images, named as text."""
    if baselines.empty:
        return {}
    done = baselines[(baselines["state"] == "done") & (baselines["method"] == "pixels")]
    recipe = ["images", "input_channels", "whiten", "l2_normalize"]
    means = done.assign(images=_name_images(done)).groupby(recipe, dropna=False)[SCORE].mean()
    return {str(images): float(mean) for images, mean in means.groupby(level="images").max().items()}


def _name_images(runs: pd.DataFrame) -> pd.Series:
    """Return which images each run was trained and tested on, as text."""
    return pd.Series(join_entries(runs, SAME_IMAGES), index=runs.index, dtype=object)
