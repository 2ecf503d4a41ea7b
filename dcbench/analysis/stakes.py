"""What is at stake on a dataset: how far the best score there is above chance.

A difference of 0.02 is small where scores go up to 0.9, and a fifth of everything where they go up to 0.1. So what
counts as the same on a dataset is also a share of this distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.statistics.effects import Outcome
from dcbench.core.columns import METRICS, RULERS, name_gain

RELATIVE_MARGIN = 0.1
"""On a dataset, choices that differ by less than this share of what is at stake there count as the same."""

GAIN_OF = {name_gain(ruler.column): ruler.column for ruler in RULERS.values()}
"""A gain -> the score that it is a gain in, whose stake is its own."""


def find_margins(
    finals: pd.DataFrame,
    baselines: pd.DataFrame,
    chance: pd.DataFrame,
    group: str,
    axes: Sequence[str],
    outcomes: Sequence[Outcome],
) -> dict[Any, list[Outcome]]:
    """Return the outcomes of each group of runs, such as a dataset, with the margins that hold there.

    The margin of a score is at most RELATIVE_MARGIN of its stake in the group: the mean of the best cell or of the best
    baseline, less that of random clusters. All other margins stay, and so do those that the user chose. `axes` are the
    columns of `finals` that name a cell.
    """
    by_group = {}
    for value, runs in finals.groupby(group, sort=False, observed=True):
        dataset = str(runs["dataset"].iloc[0])
        own_baselines, own_chance = (
            frame[frame["dataset"] == dataset] if len(frame) else frame for frame in (baselines, chance)
        )
        by_group[value] = [
            replace(outcome, margin=min(outcome.margin, RELATIVE_MARGIN * stake))
            if stake > 0 and outcome.margin == METRICS[outcome.name].margin
            else outcome
            for outcome in outcomes
            for stake in [_find_stake(GAIN_OF.get(outcome.name, outcome.name), runs, own_baselines, own_chance, axes)]
        ]
    return by_group


def _find_stake(
    metric: str, runs: pd.DataFrame, baselines: pd.DataFrame, chance: pd.DataFrame, axes: Sequence[str]
) -> float:
    """Return the mean of the best cell or baseline less that of random clusters; NaN for what is no score up to 1."""
    spec = METRICS[metric]
    if spec.better != "higher" or spec.high != 1:
        return np.nan
    best_cell = (
        runs.groupby(list(axes), observed=True, dropna=False)[metric].mean().max() if axes else runs[metric].mean()
    )
    levels = [best_cell]
    if metric in baselines:
        levels.append(pd.to_numeric(baselines.groupby("method")[metric].mean()).max())
    # A classifier that guesses is right about as often as random clusters are after the matching.
    kind = spec.kind if spec.kind in chance else "cluster_accuracy"
    chance_level = float(chance[kind].iloc[0]) if kind in chance and len(chance) else 0.0
    return float(np.nanmax(levels)) - chance_level if np.isfinite(levels).any() else np.nan
