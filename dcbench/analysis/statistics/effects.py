"""Paired effects of a factorial: what swapping one axis's value does, all else equal, and how two axes interact.

In: a frame with a line for each finished run: the axes, the seed, metrics. Out: for each two values of an axis the mean
effect over the matched cells of this matrix, its interval, the share of pairs that improve, and a verdict.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from dcbench.analysis.statistics.intervals import (
    ALPHA,
    Interval,
    holm,
    over_cells_and_seeds,
    over_seeds,
    p_difference,
    p_equivalence,
)
from dcbench.analysis.statistics.matching import Floats, Grid, Ints, Matched, framed, grid, matched

Word = Literal["better", "worse", "higher", "lower", "same", "cannot tell", "too few seeds"]
"""What can be said of a swap."""

Direction = Literal["higher", "lower"] | None
"""Which way a metric is better; None where neither is."""

Axes = Mapping[str, Sequence[Any]]
"""Name of a column of the frame -> its values in order."""

Neutral = Collection[tuple[str, str]]
"""Pairs of an axis and a metric by which none of its values is better, only higher or lower."""


@dataclass(frozen=True)
class Outcome:
    """A metric whose effects are told, and within which of no change two choices count as the same.

    Of a `ratio` the logarithms are compared; its margin is a factor above 1, either way.
    """

    name: str
    better: Direction
    margin: float
    ratio: bool = False

    def numbers(self, frame: pd.DataFrame) -> Floats:
        """The metric of each line, or its logarithm; NaN where it is not finite."""
        found: Floats = frame[self.name].to_numpy(dtype=float, na_value=math.nan)
        found = np.where(np.isfinite(found), found, math.nan)
        if self.ratio:
            np.log(found, out=(logs := np.full(len(found), math.nan)), where=found > 0)
            return logs
        return found

    @property
    def width(self) -> float:
        """The margin on the scale of `numbers`."""
        return math.log(self.margin) if self.ratio else self.margin

    def shown(self, number: float) -> float:
        """A difference of `numbers` as it is told: a difference, or a ratio."""
        return math.exp(number) if self.ratio else number


@dataclass(frozen=True)
class Effect:
    """What a swap does to one metric, on the scale of its numbers.

    `interval` is over the seeds, `narrow` the 90 % one: where it lies within the margin, so do both one-sided tests.
    `others` is for cells that are not in the matrix. `p` is two-sided, `p_same` that of two one-sided tests at the
    margin. `improved` and `tied` are shares of the pairs; without a better way, higher is what counts.
    """

    interval: Interval
    narrow: Interval
    others: Interval
    pairs: int
    cells: int
    seeds: int
    left_out: int
    improved: float
    tied: float
    p: float
    p_same: float


def effect(differences: Floats, left_out: int, outcome: Outcome) -> Effect:
    """The effect that differences `(seeds, cells)` of matched pairs tell."""
    towards = -differences if outcome.better == "lower" else differences
    return Effect(
        over_seeds(differences),
        over_seeds(differences, 1 - 2 * ALPHA),
        over_cells_and_seeds(differences),
        differences.size,
        differences.shape[1],
        differences.shape[0],
        left_out,
        float((towards > 0).mean()),
        float((towards == 0).mean()),
        p_difference(differences),
        p_equivalence(differences, outcome.width),
    )


def verdict(mean: float, p: float, p_same: float, better: Direction) -> Word:
    """Same where the effect lies within the margin, also if it is one; else which way it goes, if that can be told."""
    if math.isnan(p):
        return "too few seeds"
    if p_same < ALPHA:
        return "same"
    if p >= ALPHA:
        return "cannot tell"
    if better is None:
        return "higher" if mean > 0 else "lower"
    return "better" if (mean > 0) == (better == "higher") else "worse"


# --- tables ---------------------------------------------------------------------------------

COLUMNS = [
    "metric", "axis", "before", "after", "brings", "verdict", "mean", "low", "high", "low_90", "high_90",
    "other_cells_low", "other_cells_high", "pairs", "cells", "seeds", "left_out", "improved", "tied", "p", "p_holm",
    "p_same", "margin",
]  # fmt: skip
"""Of the table of effects: p_holm is corrected over all swaps of the metric, and whether the effect is told apart from
none goes by it; `same` goes by p_same, which is not corrected: low_90 and high_90 lie within the margin."""

VALUES = ("before", "after", "with_before", "with_after")
"""Columns whose entries are values of axes."""


def effects_table(
    frame: pd.DataFrame, axes: Axes, outcomes: Sequence[Outcome], beside: Sequence[str], neutral: Neutral = frozenset()
) -> pd.DataFrame:
    """A line for each metric and each two values of an axis; `beside` are fields that a swap may bring along."""
    told = []
    for axis, values in axes.items():
        laid = grid(frame, [axis], [name for name in axes if name != axis])
        for before, after in itertools.combinations(values, 2):
            met = laid.at([value for value in (before, after) if value in laid.values])
            head = {"axis": axis, "before": before, "after": after, "brings": brought(frame, met, beside)}
            told += [
                head | _line(outcome, effect(pair.metric[1] - pair.metric[0], pair.left_out, outcome))
                for outcome, pair in _pairs(laid, frame, (before, after), outcomes)
            ]
    return _judged(told, outcomes, COLUMNS, neutral)


def _pairs(
    grid_layout: Grid, frame: pd.DataFrame, chosen: Sequence[Hashable], outcomes: Sequence[Outcome]
) -> Iterator[tuple[Outcome, Matched]]:
    """Each metric where all the chosen values have it, if any run does."""
    for outcome in outcomes:
        found = matched(grid_layout, outcome.numbers(frame), chosen)
        if found.metric.size:
            yield outcome, found


def _line(outcome: Outcome, effect_size: Effect) -> dict[str, Any]:
    figures = {
        "mean": effect_size.interval.mean, "low": effect_size.interval.low, "high": effect_size.interval.high,
        "low_90": effect_size.narrow.low, "high_90": effect_size.narrow.high,
        "other_cells_low": effect_size.others.low, "other_cells_high": effect_size.others.high,
    }  # fmt: skip
    names = ("pairs", "cells", "seeds", "left_out", "improved", "tied", "p", "p_same")
    counts = {name: getattr(effect_size, name) for name in names}
    shown = {name: outcome.shown(value) for name, value in figures.items()}
    return {"metric": outcome.name, "margin": outcome.margin} | shown | counts


def _judged(
    told: list[dict[str, Any]], outcomes: Sequence[Outcome], columns: list[str], neutral: Neutral = frozenset()
) -> pd.DataFrame:
    """The lines by metric, with p values corrected over all lines of the metric, and verdicts by them."""
    lines = []
    for outcome in outcomes:
        mine = [line for line in told if line["metric"] == outcome.name]
        for line, p in zip(mine, holm([line["p"] for line in mine]), strict=True):
            mean = line["mean"] - 1 if outcome.ratio else line["mean"]
            better = None if (line["axis"], outcome.name) in neutral else outcome.better
            lines.append(line | {"p_holm": p, "verdict": verdict(mean, p, line["p_same"], better)})
    return framed(lines, columns, [name for name in VALUES if name in columns])


def largest(effects: pd.DataFrame, axis: str, outcome: Outcome) -> float:
    """How far the swap of the axis that moves the metric most moves it, on the scale of its numbers; 0 without any."""
    mine = effects[(effects["axis"] == axis) & (effects["metric"] == outcome.name)]
    sizes = np.abs(outcome.numbers(mine.assign(**{outcome.name: mine["mean"]})))
    return float(np.max(sizes, initial=0.0))


def brought(frame: pd.DataFrame, lines: Ints, beside: Sequence[str]) -> str:
    """Fields that differ between the matched runs `(2, seeds, cells)`: `lr 0.05 -> 0.001`, or `lr` where it varies."""
    if len(lines) < 2:
        return ""
    both = (lines >= 0).all(axis=0)
    sides = [frame.iloc[side[both]] for side in lines]
    told = []
    for name in beside:
        before, after = (side[name].astype(object).where(side[name].notna(), None).tolist() for side in sides)
        if before != after:
            fixed = len(set(before)) == len(set(after)) == 1
            told.append(f"{name} {_text(before[0])} \u2192 {_text(after[0])}" if fixed else name)
    return ", ".join(told)


def _text(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- interactions ---------------------------------------------------------------------------

INTERACTIONS = [
    "metric", "axis", "before", "after", "with_axis", "with_before", "with_after", "verdict", "mean", "low", "high",
    "other_cells_low", "other_cells_high", "pairs", "cells", "seeds", "left_out", "p", "p_holm", "p_same", "margin",
]  # fmt: skip
"""`mean` is how much larger the effect of the swap is at `with_after` than at `with_before`."""


def interactions(frame: pd.DataFrame, axes: Axes, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """A line for each metric and two axes, each value against its axis's first: how they act on each other.

    None is better: verdicts are higher, lower, same, cannot tell, too few seeds.
    """
    outcomes = [Outcome(one.name, None, one.margin, one.ratio) for one in outcomes]
    told = []
    for one, other in itertools.combinations(axes, 2):
        laid = grid(frame, [one, other], [name for name in axes if name not in (one, other)])
        for after, with_after in itertools.product(axes[one][1:], axes[other][1:]):
            corners = list(itertools.product((axes[one][0], after), (axes[other][0], with_after)))
            head = {"axis": one, "before": axes[one][0], "after": after}
            head |= {"with_axis": other, "with_before": axes[other][0], "with_after": with_after}
            told += [head | line for line in _crossed(_pairs(laid, frame, corners, outcomes))]
    return _judged(told, outcomes, INTERACTIONS)


def _crossed(found: Iterator[tuple[Outcome, Matched]]) -> Iterator[dict[str, Any]]:
    for outcome, one in found:
        neither, second, first, both = one.metric
        yield _line(outcome, effect(both - second - (first - neither), one.left_out, outcome))
