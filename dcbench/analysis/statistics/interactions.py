"""Which interaction of two axes is the strongest, and the effect of a swap at each value of another axis.

In: the table of interactions, or a frame with a line for each finished run. Out: frames.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

from dcbench.analysis.statistics.effects import Axes, Outcome
from dcbench.analysis.statistics.intervals import over_seeds
from dcbench.analysis.statistics.matching import framed, grid, matched

ACTS = ("higher", "lower")
"""Verdicts of values that do act on each other."""


def strongest(interactions: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Of each two axes the values that act on each other most; those with a verdict first, then the largest."""
    mine = interactions[interactions["metric"] == outcome.name]
    size = np.abs(outcome.numbers(mine.assign(**{outcome.name: mine["mean"]})))
    ordered = mine.assign(acts=mine["verdict"].isin(ACTS), size=size)
    ordered = ordered.sort_values(["acts", "size"], ascending=False, kind="stable")
    return ordered.drop_duplicates(["axis", "with_axis"]).drop(columns=["acts", "size"])


def by_value(
    frame: pd.DataFrame, axes: Axes, swap: tuple[str, Hashable, Hashable], other: str, outcome: Outcome
) -> pd.DataFrame:
    """The effect of a swap (axis, before, after) at each `value` of another axis, with its interval over the seeds.

    All effects stand on the same cells and seeds; values that lack a side of the swap are not in the table.
    """
    axis, before, after = swap
    laid = grid(frame, [axis, other], [name for name in axes if name not in (axis, other)])
    there = [value for value in axes[other] if {(before, value), (after, value)} <= set(laid.values)]
    found = matched(laid, outcome.numbers(frame), [(side, value) for value in there for side in (before, after)])
    told = []
    sides = zip(there, found.metric[::2], found.metric[1::2], strict=True)
    for value, first, second in sides if found.metric.size else ():
        middle = over_seeds(second - first)
        figures = {name: outcome.shown(getattr(middle, name)) for name in ("mean", "low", "high")}
        counts = {"cells": found.cells, "seeds": found.seeds, "left_out": found.left_out}
        told.append({"value": value} | figures | counts)
    return framed(told, ["value", "mean", "low", "high", "cells", "seeds", "left_out"], ["value"])
