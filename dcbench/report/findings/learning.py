"""Decide which finished runs learned anything: by health, against their own untrained network, and against pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.results import join_entries
from dcbench.analysis.summary import Analysis

TEST_REFIT = "test_refit_nmi_true"

SAME_IMAGES = ["dataset", "limit", "test_limit"]
"""Fields in which a run and its pixel baselines agree."""


def judge_learning(analysis: Analysis) -> pd.DataFrame:
    """Return what each finished run learned.

    The columns are run_id, dataset and health; `gain`, NaN for a run without a training pass; `pixels`, the best mean
    score of a pixel baseline on the same images; and three booleans that are NA where they are not known:
    `over_untrained` (the gain is above its margin), `over_pixels`, and `learned` (the run was trained, is healthy, and
    is above whatever is known).
    """
    runs, metric = analysis.finals.reset_index(drop=True), choose_pixel_metric(analysis)
    table, score = runs[["run_id", "dataset", "health"]].copy(), pd.to_numeric(runs[metric])
    # Without a training pass there is nothing that training could have added.
    table["gain"] = runs[analysis.gain].mask(runs["epoch"] == 0)
    table["pixels"] = _name_images(runs).map(score_pixels(analysis.results.baselines, metric)).astype(float)
    table["over_untrained"] = (table["gain"] > gain_margin(analysis)).astype("boolean").mask(table["gain"].isna())
    table["over_pixels"] = (score > table["pixels"]).astype("boolean").mask(score.isna() | table["pixels"].isna())
    above = table[["over_untrained", "over_pixels"]]
    # What is not known is not held against a run, unless nothing is known at all.
    passed = above.fillna(True).all(axis=1) & (table["health"] == "healthy")
    table["learned"] = passed.astype("boolean").mask(above.isna().all(axis=1) | (runs["epoch"] == 0))
    return table


def choose_pixel_metric(analysis: Analysis) -> str:
    """Return the score that compares runs with pixels: the ruler's, if it has as many clusters as classes."""
    return TEST_REFIT if analysis.ruler == "own" else analysis.quality


def gain_margin(analysis: Analysis) -> float:
    """Return how far a run has to be above its untrained network to count; 0 where no run has a gain."""
    outcome = analysis.outcome_by_name.get(analysis.gain)
    return outcome.margin if outcome else 0.0


def score_pixels(baselines: pd.DataFrame, metric: str) -> dict[str, float]:
    """Return the highest mean score of a finished pixel baseline for each set of images, named as text."""
    if baselines.empty:
        return {}
    done = baselines[(baselines["state"] == "done") & (baselines["method"] == "pixels")]
    recipe = ["images", "input_channels", "whiten", "l2_normalize"]
    means = done.assign(images=_name_images(done)).groupby(recipe, dropna=False)[metric].mean()
    return {str(images): float(mean) for images, mean in means.groupby(level="images").max().items()}


def find_false_ceilings(analysis: Analysis) -> list[dict[str, Any]]:
    """Return the datasets on which supervised networks score no higher than the best cell or the untrained networks.

    Networks that were trained with the true labels are a ceiling only where they score above all others. Each entry
    has the `name` of the dataset, the mean score `supervised`, and the `best` mean score of a cell or untrained.
    """
    metric, baselines = choose_pixel_metric(analysis), analysis.results.baselines
    if baselines.empty:
        return []
    done = baselines[(baselines["state"] == "done") & (baselines["method"] == "supervised")]
    supervised = pd.to_numeric(done[metric]).groupby(done["dataset"].astype(str)).mean().dropna()
    rows = analysis.results.rows
    ceilings = []
    for dataset, score in supervised.items():
        cells = analysis.finals[analysis.finals["dataset"] == dataset]
        names = [name for name in analysis.axes if name != "dataset"]
        groups = cells.groupby(names, observed=True, dropna=False) if names else [((), cells)]
        untrained = rows.loc[(rows["dataset"] == dataset) & (rows["epoch"] == 0), metric].mean()
        best = float(np.nanmax([untrained, *(cell[metric].mean() for _, cell in groups)]))
        if score <= best:
            ceilings.append({"name": dataset, "supervised": score, "best": best})
    return ceilings


def _name_images(runs: pd.DataFrame) -> pd.Series:
    """Return which images each run was trained and tested on, as text."""
    return pd.Series(join_entries(runs, SAME_IMAGES), index=runs.index, dtype=object)
