"""Estimate the paired effects of a factorial: what swapping one value of an axis does, and how two axes interact.

In: a frame with a row for each finished run: the axes, the seed, metrics. Out: for each pair of values of an axis the
mean effect over the matched cells of this matrix, its interval, the share of pairs that improve, and a verdict. The
same within each group of runs, such as those of one dataset.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from dcbench.analysis.statistics.intervals import (
    ALPHA,
    Interval,
    holm,
    infer_means,
    interval_over_seeds,
)
from dcbench.analysis.statistics.matching import Floats, RowNumbers, make_frame, make_grid, match_runs

EffectVerdict = Literal["better", "worse", "higher", "lower", "same", "cannot tell", "too few seeds"]
"""What can be said of a swap."""

Direction = Literal["higher", "lower"] | None
"""Which values of a metric are better; None when neither are."""

AxisValues = Mapping[str, Sequence[Any]]
"""Name of a column of the frame -> its values in order."""

TRAJECTORY = "trajectory"
"""Column that numbers what happened in a run: runs of the same number are copies of each other."""

Neutral = Collection[tuple[str, str]]
"""Pairs of an axis and a metric by which no value of the axis is better, only higher or lower."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A metric that effects are estimated for.

    Attributes:
        name: The column of the metric.
        better: Which values are better.
        margin: How far two choices may differ and still count as the same; a factor above 1 for a ratio.
        ratio: Whether values are compared by their ratio, through logarithms, rather than by their difference.
    """

    name: str
    better: Direction
    margin: float
    ratio: bool = False

    def scale(self, frame: pd.DataFrame) -> Floats:
        """Return the metric of each row, or its logarithm; NaN where it is not finite."""
        values: Floats = frame[self.name].to_numpy(dtype=float, na_value=math.nan)
        values = np.where(np.isfinite(values), values, math.nan)
        if self.ratio:
            # `where` keeps numpy from warning about the logarithm of zeros, which stay NaN.
            np.log(values, out=(logs := np.full(len(values), math.nan)), where=values > 0)
            return logs
        return values

    @property
    def scaled_margin(self) -> float:
        """The margin on the scale of `scale`."""
        return math.log(self.margin) if self.ratio else self.margin

    def unscale(self, difference: float) -> float:
        """Return a difference of scaled values as the difference or the ratio that people read."""
        return math.exp(difference) if self.ratio else difference

    def tabulate_interval(self, interval: Interval) -> dict[str, float]:
        """Return the columns `mean`, `low` and `high` of a table, as differences or ratios that people read."""
        return {name: self.unscale(getattr(interval, name)) for name in ("mean", "low", "high")}


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a swap does to one metric, on the scale of `Outcome.scale`.

    Attributes:
        interval: The mean with its 95 % interval over the seeds, for the cells of this matrix.
        interval_90: The 90 % interval; when it lies within the margin, both one-sided tests reject.
        interval_other_cells: The 95 % interval for cells that are not in this matrix.
        pairs: The number of matched pairs, `cells` times `seeds`.
        cells: The cells that the pairs come from.
        seeds: The seeds that each of these cells has.
        left_out: The matched pairs that were dropped so that each seed has each cell.
        improved: The share of pairs that are better after the swap; higher, when neither direction is better.
        tied: The share of pairs that do not change.
        p: The two-sided p value of no effect.
        p_same: The p value of an effect beyond the margin, from two one-sided tests.
        probability_below, probability_within, probability_above: The posterior probabilities that the effect is below
            the negative margin, within the margins, and above the margin.
    """

    interval: Interval
    interval_90: Interval
    interval_other_cells: Interval
    pairs: int
    cells: int
    seeds: int
    left_out: int
    improved: float
    tied: float
    p: float
    p_same: float
    probability_below: float
    probability_within: float
    probability_above: float


def estimate_effects(family: Sequence[tuple[Floats, int]], outcome: Outcome) -> list[Effect]:
    """Estimate effects from the differences `(seeds, cells)` of matched pairs and the number of pairs left out.

    The effects of a family lend each other what they tell about chance.
    """
    inferences = infer_means([differences for differences, _ in family], outcome.scaled_margin)
    effects = []
    for (differences, left_out), inference in zip(family, inferences, strict=True):
        # Seconds that fall are a gain as much as scores that rise.
        gains = -differences if outcome.better == "lower" else differences
        seeds, cells = differences.shape
        effects.append(
            Effect(
                **vars(inference),
                pairs=differences.size,
                cells=cells,
                seeds=seeds,
                left_out=left_out,
                improved=float((gains > 0).mean()),
                tied=float((gains == 0).mean()),
            )
        )
    return effects


def judge_effect(mean: float, p: float, p_same: float, better: Direction) -> EffectVerdict:
    """Return the verdict on an effect: `same` when it lies within the margin, else its direction if that is certain."""
    if math.isnan(p):
        return "too few seeds"
    # Before the test of a difference: an effect can be certain and still too small to matter.
    if p_same < ALPHA:
        return "same"
    if p >= ALPHA:
        return "cannot tell"
    if better is None:
        return "higher" if mean > 0 else "lower"
    return "better" if (mean > 0) == (better == "higher") else "worse"


# --- tables ---------------------------------------------------------------------------------

EFFECTS_TABLE_COLUMNS = [
    "metric", "axis", "before", "after", "brings", "verdict", "mean", "low", "high", "low_90", "high_90",
    "other_cells_low", "other_cells_high", "pairs", "distinct", "cells", "seeds", "left_out", "improved", "tied", "p",
    "p_holm", "p_same", "margin", "probability_below", "probability_within", "probability_above",
]  # fmt: skip
"""Columns of the table of effects. `distinct` is how many different pairs of two different trajectories there are: the
other pairs are copies of one of these, or of one run twice. `p_holm` is corrected over the swaps of the metric, those
of conditions apart, and differences are judged by it; `same` is judged by `p_same`, which is not corrected. Within a
dataset, that means that `low_90` and `high_90` lie within the margin; over several, that they do so in each
(`require_same_in_each_group`)."""

SWAP_COLUMNS = ("metric", "axis", "before", "after")
"""Columns that name a swap of a table of effects."""

INTERACTIONS_TABLE_COLUMNS = [
    "metric", "axis", "before", "after", "with_axis", "with_before", "with_after", "verdict", "mean", "low", "high",
    "other_cells_low", "other_cells_high", "pairs", "cells", "seeds", "left_out", "p", "p_holm", "p_same", "margin",
]  # fmt: skip
"""Columns of the table of interactions: `mean` is the effect at `with_after` less that at `with_before`."""

AXIS_VALUE_COLUMNS = ("before", "after", "with_before", "with_after")
"""Columns whose entries are values of axes."""

INTERACTING = ("higher", "lower")
"""Verdicts of swaps that do interact."""


def tabulate_effects(
    frame: pd.DataFrame,
    axes: AxisValues,
    outcomes: Sequence[Outcome],
    other_fields: Sequence[str],
    neutral: Neutral = frozenset(),
    conditions: Collection[str] = frozenset(),
) -> pd.DataFrame:
    """Return a row for each metric and each pair of values of an axis.

    `other_fields` are columns that are no axis, but that a swap may change along with its own; `brings` names those.
    The swaps of the axes in `conditions` are a family of their own: nobody asks whether the dataset makes a difference,
    so the correction for many questions does not count it, and its chance is not that of the choices.
    """
    swaps = list(_match_swaps(frame, axes, outcomes, other_fields))
    families = [swap.labels["axis"] in conditions for swap in swaps]
    return _judge_swaps(swaps, families, families, EFFECTS_TABLE_COLUMNS, neutral)


def tabulate_effects_by_group(
    frame: pd.DataFrame,
    group: str,
    axes: AxisValues,
    outcomes: Mapping[Any, Sequence[Outcome]],
    other_fields: Sequence[str],
    neutral: Neutral = frozenset(),
) -> pd.DataFrame:
    """Return the rows of `tabulate_effects` within each group of runs, such as a dataset, named by a first column.

    `outcomes` holds those of each group, which may have other margins. The swaps of one group are a family that shares
    what it tells about chance; the correction for many questions counts those of all groups.
    """
    swaps: list[_Swap] = []
    for value, part_outcomes in outcomes.items():
        part = frame[frame[group] == value].reset_index(drop=True)
        for swap in _match_swaps(part, axes, part_outcomes, other_fields):
            swaps.append(replace(swap, labels={group: value} | swap.labels))
    families = [swap.labels[group] for swap in swaps]
    return _judge_swaps(swaps, families, [None] * len(swaps), [group, *EFFECTS_TABLE_COLUMNS], neutral)


def require_same_in_each_group(
    pooled: pd.DataFrame, by_group: pd.DataFrame, outcomes: Sequence[Outcome], neutral: Neutral = frozenset()
) -> pd.DataFrame:
    """Return the pooled effects, where `same` now needs the same verdict in every group.

    A mean over groups can lie within the margin while the groups differ, or while one group tells nothing. The test
    that all groups are the same is the intersection-union test (Berger 1982): its p value is the largest of theirs,
    without a correction.
    """
    by_name = {outcome.name: outcome for outcome in outcomes}
    largest: dict[tuple[Any, ...], float] = {}
    for row in by_group.to_dict("records"):
        key = tuple(row[name] for name in SWAP_COLUMNS)
        # A group with too few seeds tells nothing, so nothing is the same in every group.
        p_same = 1.0 if math.isnan(row["p_same"]) else row["p_same"]
        largest[key] = max(p_same, largest.get(key, 0.0))
    rows: list[dict[Any, Any]] = pooled.to_dict("records")
    for row in rows:
        outcome = by_name[row["metric"]]
        # Where the pooled effect has no p value, there are too few seeds for any.
        if not math.isnan(row["p_same"]):
            row["p_same"] = max(row["p_same"], largest.get(tuple(row[name] for name in SWAP_COLUMNS), 0.0))
        better = None if (row["axis"], outcome.name) in neutral else outcome.better
        mean = math.log(row["mean"]) if outcome.ratio else row["mean"]
        row["verdict"] = judge_effect(mean, row["p_holm"], row["p_same"], better)
    return make_frame(rows, list(pooled.columns), [name for name in AXIS_VALUE_COLUMNS if name in pooled])


def _match_swaps(
    frame: pd.DataFrame, axes: AxisValues, outcomes: Sequence[Outcome], other_fields: Sequence[str]
) -> Iterator[_Swap]:
    """Yield the matched differences of each two values of an axis, by each metric."""
    fields = _code_fields(frame, other_fields)
    trajectories = frame[TRAJECTORY].to_numpy() if TRAJECTORY in frame else np.arange(len(frame))
    scaled = {outcome.name: outcome.scale(frame) for outcome in outcomes}
    for axis, values in axes.items():
        grid = make_grid(frame, [axis], [name for name in axes if name != axis])
        for before, after in itertools.combinations(values, 2):
            lines = grid.select([value for value in (before, after) if value in grid.values])
            brings = _describe_other_changes(fields, lines)
            swap = {"axis": axis, "before": before, "after": after, "brings": brings}
            for outcome in outcomes:
                runs = match_runs(grid, scaled[outcome.name], (before, after))
                if runs.metric.size:
                    difference = runs.metric[1] - runs.metric[0]
                    labels = swap | {"distinct": _count_distinct_pairs(trajectories, runs.lines)}
                    yield _Swap(outcome, labels, difference, runs.left_out)


def tabulate_interactions(frame: pd.DataFrame, axes: AxisValues, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return a row for each metric and two axes, comparing each value with the first value of its axis.

    An interaction is the difference between the effects of one swap at two values of another axis (Box, Hunter and
    Hunter, Statistics for Experimenters, 2005, chapter 5). Neither direction of it is better, so the verdicts are
    higher, lower, same, cannot tell and too few seeds.
    """
    outcomes = [replace(outcome, better=None) for outcome in outcomes]
    scaled = {outcome.name: outcome.scale(frame) for outcome in outcomes}
    swaps = []
    for axis, with_axis in itertools.combinations(axes, 2):
        grid = make_grid(frame, [axis, with_axis], [name for name in axes if name not in (axis, with_axis)])
        before, with_before = axes[axis][0], axes[with_axis][0]
        for after, with_after in itertools.product(axes[axis][1:], axes[with_axis][1:]):
            # All four corners must exist, so that both effects are over the same cells and seeds.
            corners = list(itertools.product((before, after), (with_before, with_after)))
            swap = {"axis": axis, "before": before, "after": after}
            swap |= {"with_axis": with_axis, "with_before": with_before, "with_after": with_after}
            for outcome in outcomes:
                runs = match_runs(grid, scaled[outcome.name], corners)
                if runs.metric.size:
                    neither, only_with, only_axis, both = runs.metric
                    difference = (both - only_with) - (only_axis - neither)
                    swaps.append(_Swap(outcome, swap, difference, runs.left_out))
    family = [None] * len(swaps)
    return _judge_swaps(swaps, family, family, INTERACTIONS_TABLE_COLUMNS)


@dataclass(frozen=True)
class _Swap:
    """The differences `(seeds, cells)` of a metric for one row of a table, whose first columns are `labels`."""

    outcome: Outcome
    labels: dict[str, Any]
    differences: Floats
    left_out: int


def _figures(outcome: Outcome, effect: Effect) -> dict[str, Any]:
    """Return the columns of a table that an effect fills, as differences or ratios that people read."""
    scaled = {
        "mean": effect.interval.mean, "low": effect.interval.low, "high": effect.interval.high,
        "low_90": effect.interval_90.low, "high_90": effect.interval_90.high,
        "other_cells_low": effect.interval_other_cells.low, "other_cells_high": effect.interval_other_cells.high,
    }  # fmt: skip
    unscaled = (
        "pairs", "cells", "seeds", "left_out", "improved", "tied", "p", "p_same",
        "probability_below", "probability_within", "probability_above",
    )  # fmt: skip
    return (
        {"metric": outcome.name, "margin": outcome.margin}
        | {name: outcome.unscale(value) for name, value in scaled.items()}
        | {name: getattr(effect, name) for name in unscaled}
    )


def _judge_swaps(
    swaps: Sequence[_Swap],
    families: Sequence[Hashable],
    questions: Sequence[Hashable],
    columns: list[str],
    neutral: Neutral = frozenset(),
) -> pd.DataFrame:
    """Return a row for each swap, by metric: its effect, its corrected p value, and the verdict.

    For each swap, `families` names those that tell about chance together, and `questions` those that are corrected for
    their number together, both within a metric.
    """
    metrics = [swap.outcome.name for swap in swaps]
    effects: dict[int, Effect] = {}
    for places in _group_places(zip(metrics, families, strict=True)):
        family = [(swaps[place].differences, swaps[place].left_out) for place in places]
        effects |= zip(places, estimate_effects(family, swaps[places[0]].outcome), strict=True)
    corrected: dict[int, float] = {}
    for places in _group_places(zip(metrics, questions, strict=True)):
        corrected |= zip(places, holm([effects[place].p for place in places]), strict=True)
    rows = []
    for place in sorted(range(len(swaps)), key=lambda place: metrics.index(metrics[place])):
        swap, effect = swaps[place], effects[place]
        better = None if (swap.labels["axis"], swap.outcome.name) in neutral else swap.outcome.better
        verdict = judge_effect(effect.interval.mean, corrected[place], effect.p_same, better)
        rows.append(swap.labels | _figures(swap.outcome, effect) | {"p_holm": corrected[place], "verdict": verdict})
    return make_frame(rows, columns, [name for name in AXIS_VALUE_COLUMNS if name in columns])


def _group_places(keys: Iterable[Hashable]) -> list[list[int]]:
    """Return the places of equal keys together."""
    groups: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def _count_distinct_pairs(trajectories: RowNumbers, lines: RowNumbers) -> int:
    """Return how many different pairs of two different trajectories the runs `(2, seeds, cells)` have."""
    before, after = trajectories[lines].reshape(2, -1)
    # One number for each pair: its two numbers as digits.
    pairs = before * (trajectories.max(initial=0) + 1) + after
    return len(np.unique(pairs[before != after]))


def _describe_other_changes(fields: Mapping[str, tuple[RowNumbers, list[str]]], lines: RowNumbers) -> str:
    """Describe the fields that differ between the matched runs `(2, seeds, cells)` beside the axis itself.

    `fields` holds those of `_code_fields`. `lr 0.05 → 0.001` when all pairs differ alike, else only `lr`.
    """
    # No other field can differ where one of the two values has no runs.
    if len(lines) < 2:
        return ""
    before_lines, after_lines = lines[:, (lines >= 0).all(axis=0)]
    changes = []
    for name, (codes, texts) in fields.items():
        before, after = codes[before_lines], codes[after_lines]
        if (before != after).any():
            fixed = (before == before[0]).all() and (after == after[0]).all()
            changes.append(f"{name} {texts[before[0]]} \u2192 {texts[after[0]]}" if fixed else name)
    return ", ".join(changes)


def _code_fields(frame: pd.DataFrame, names: Iterable[str]) -> dict[str, tuple[RowNumbers, list[str]]]:
    """Return for each field a number for each run, equal where the values are, and the text of each number."""
    coded = {}
    for name in names:
        codes, values = pd.factorize(frame[name])
        texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
        coded[name] = (codes, [*texts, "none"])  # the number of a missing value is -1
    return coded


# --- what figures and sentences ask of the tables -------------------------------------------


def find_largest_effect(effects: pd.DataFrame, axis: str, outcome: Outcome) -> float:
    """Return the size of the largest effect of an axis, on the scale of `Outcome.scale`; 0 without any effect."""
    rows = effects[(effects["axis"] == axis) & (effects["metric"] == outcome.name)]
    return float(np.max(_sizes(rows, outcome), initial=0.0))


def find_strongest_interactions(interactions: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Return for each two axes the values that interact most, certain interactions first, then by size."""
    rows = interactions[interactions["metric"] == outcome.name]
    rows = rows.assign(certain=rows["verdict"].isin(INTERACTING), size=_sizes(rows, outcome))
    rows = rows.sort_values(["certain", "size"], ascending=False, kind="stable")
    return rows.drop_duplicates(["axis", "with_axis"]).drop(columns=["certain", "size"])


def _sizes(table: pd.DataFrame, outcome: Outcome) -> Floats:
    """Return the sizes of the effects in a table of one metric; a ratio of 1/2 is as large as one of 2."""
    return np.abs(outcome.scale(table.assign(**{outcome.name: table["mean"]})))


def tabulate_effects_by_value(
    frame: pd.DataFrame, axes: AxisValues, swap: tuple[str, Hashable, Hashable], other: str, outcome: Outcome
) -> pd.DataFrame:
    """Return the effect of a swap (axis, before, after) at each `value` of another axis, with its interval.

    All effects are over the same cells and seeds; values that lack a side of the swap are not in the table.
    """
    axis, before, after = swap
    grid = make_grid(frame, [axis, other], [name for name in axes if name not in (axis, other)])
    values = [value for value in axes[other] if {(before, value), (after, value)} <= set(grid.values)]
    sides = [(side, value) for value in values for side in (before, after)]
    runs = match_runs(grid, outcome.scale(frame), sides)
    rows = []
    for number, value in enumerate(values if runs.metric.size else ()):
        interval = interval_over_seeds(runs.metric[2 * number + 1] - runs.metric[2 * number])
        rows.append({"value": value} | outcome.tabulate_interval(interval) | runs.counts)
    return make_frame(rows, ["value", "mean", "low", "high", "cells", "seeds", "left_out"], ["value"])
