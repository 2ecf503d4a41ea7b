"""Which finished runs learned anything: against their own untrained network, against pixels, and by health.

In: an Analysis. Out: a line for each finished run.
"""

from __future__ import annotations

import pandas as pd

from dcbench.analysis.statistics.finals import GAIN
from dcbench.analysis.summary import Analysis
from dcbench.core.spec import format_value

SCORE = "test_refit_nmi_true"
"""What runs and pixels are compared by: test images, as many clusters as classes."""

SAME_IMAGES = ["dataset", "limit", "test_limit"]
"""Fields in which a run and its pixel baselines agree."""


def learning_by_run(analysis: Analysis) -> pd.DataFrame:
    """For each finished run: dataset, health, gain, `over_untrained`, `pixels`, `over_pixels`, `learned`; NA: unknown.

    Over the untrained network is by more than the margin of the gain; over pixels is over the best of the pixel
    baselines on the same images, each the mean of its seeds. Learned are healthy runs that are over whatever is known.
    """
    runs = analysis.finals.reset_index(drop=True)
    table, score = runs[["run_id", "dataset", "health", GAIN]].copy(), pd.to_numeric(runs[SCORE])
    table["pixels"] = _images(runs).map(best_pixels(analysis.results.baselines)).astype(float)
    table["over_untrained"] = (table[GAIN] > gain_margin(analysis)).astype("boolean").mask(table[GAIN].isna())
    table["over_pixels"] = (score > table["pixels"]).astype("boolean").mask(score.isna() | table["pixels"].isna())
    over = table[["over_untrained", "over_pixels"]]
    passed = over.fillna(True).all(axis=1) & (table["health"] == "healthy")
    table["learned"] = passed.astype("boolean").mask(over.isna().all(axis=1))
    return table


def gain_margin(analysis: Analysis) -> float:
    """By how much a run has to be over its untrained network to count; 0 where no run has a gain."""
    return next((one.margin for one in analysis.outcomes if one.name == GAIN), 0.0)


def best_pixels(baselines: pd.DataFrame) -> dict[str, float]:
    """Images, as text, -> the highest mean score of a pixel baseline on them; empty where none is done."""
    if baselines.empty:
        return {}
    done = baselines[(baselines["state"] == "done") & (baselines["method"] == "pixels")]
    kinds = done.assign(images=_images(done)).groupby(
        ["images", "input_channels", "whiten", "l2_normalize"], dropna=False
    )
    means = kinds[SCORE].mean()
    return {str(images): float(mean) for images, mean in means.groupby(level="images").max().items()}


def _images(runs: pd.DataFrame) -> pd.Series:
    """Which images each run was trained and tested on, as text."""
    lines = runs[SAME_IMAGES].itertuples(index=False, name=None)
    texts = [", ".join(format_value(None if pd.isna(value) else value) for value in line) for line in lines]
    return pd.Series(texts, index=runs.index, dtype=object)
