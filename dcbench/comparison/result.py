"""The comparison of two result sets as plain data, and the gates of `--fail-on` that judge it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

ChangeVerdict = Literal[
    "worse", "better", "higher", "lower", "cannot tell", "too few seeds", "same", "identical",
]  # fmt: skip
"""`identical` is a fact: every pair has the same number. `statistics.effects` infers the others."""

VERDICTS: tuple[ChangeVerdict, ...] = get_args(ChangeVerdict)
"""All verdicts, in the order in which sentences list them."""

MAX_LISTED = 4
"""Parts or runs that a sentence names before it counts the rest."""

JSON_KEYS = {
    "planned_in_both": "both", "compared_baselines": "beside", "done_only_in_old": "gone", "done_only_in_new": "come",
    "done_in_neither": "neither", "lost_runs": "gone", "changes": "lines",
}  # fmt: skip
"""Field -> its key in the JSON where they differ; programs rely on these keys, so they stay as they are."""


@dataclass(frozen=True, kw_only=True)
class MetricChange:
    """The change of a metric from OLD to NEW in one part of the cells.

    Attributes:
        axis, value: the part is the cells with `value` on `axis`; both are empty where it is all cells.
        verdict: whether and how the metric changed.
        old, new: means over the matched pairs (geometric means of a ratio).
        mean, low, high: the change with its 95 % interval: NEW - OLD, or NEW / OLD of a ratio; NaN where unknown.
        pairs, cells, seeds: matched pairs, and the cells and seeds that they cover.
        left_out: pairs that were left out so that every seed has every cell.
        improved: share of the pairs that changed for the better (upwards, where neither way is better).
        p, p_holm: two-sided p value, and the same corrected over all parts of the metric.
        p_same: p value of the two one-sided tests at the margin.
    """

    axis: str
    value: str
    verdict: ChangeVerdict
    old: float
    new: float
    mean: float
    low: float
    high: float
    pairs: int
    cells: int
    seeds: int
    left_out: int
    improved: float
    p: float
    p_holm: float
    p_same: float

    @property
    def part(self) -> str:
        """The part of the cells in words: `optimizer adam`, or `overall`."""
        return f"{self.axis} {self.value}" if self.axis else "overall"


@dataclass(frozen=True, kw_only=True)
class MetricComparison:
    """A metric with its changes.

    Attributes:
        name, label: the column of metrics.csv, and what readers call it.
        better: which way is better; None where neither is.
        margin: changes within it count as none; a factor above 1 where the metric is a `ratio`.
        cost: whether the metric is time or memory, which depend on the machine as well.
        rule: how a curve became one number, in words.
        lost_runs: number of runs that have the metric in OLD but not in NEW.
        changes: the change over all cells, then in each part of them; empty where no pair has the metric.
    """

    name: str
    label: str
    better: Literal["higher", "lower"] | None
    margin: float
    ratio: bool
    cost: bool
    rule: str
    lost_runs: int
    changes: tuple[MetricChange, ...]

    def format_level(self, value: float) -> str:
        """Return a mean, rounded to one digit finer than the margin."""
        return f"{value:.4g}" if self.ratio else f"{value:.{self._decimals}f}"

    def format_change(self, value: float) -> str:
        """Return a difference with its sign, or a ratio as a factor."""
        if self.ratio:
            return f"\u00d7{value:.3f}"
        text = f"{value:+.{self._decimals}f}"
        # A change too small for these digits must not read as "+0.000", which looks like none.
        return text if float(text) else f"{value:+.1g}" if value else "0"

    def format_interval(self, change: MetricChange) -> str:
        """Return the 95 % interval; empty where it is unknown, and for `identical`, which is no estimate."""
        if math.isnan(change.low) or change.verdict == "identical":
            return ""
        return f"{self.format_change(change.low)} to {self.format_change(change.high)}"

    def describe(self, change: MetricChange) -> str:
        """Return a part with its change and interval: `overall -0.100 (-0.120 to -0.080)`."""
        interval = self.format_interval(change)
        text = f"{change.part} {self.format_change(change.mean)}"
        return f"{text} ({interval})" if interval else text

    def sort_key(self, change: MetricChange) -> tuple[bool, float, str]:
        """Return a key that puts the change over all cells first, then the largest changes."""
        # Of ratios the logarithm: twice as slow is as large a change as twice as fast.
        size = abs(math.log(change.mean) if self.ratio else change.mean)
        return change.axis != "", -size, change.part

    @property
    def _decimals(self) -> int:
        return max(0, 1 - math.floor(math.log10(self.margin)))


@dataclass(frozen=True, kw_only=True)
class UnmatchedRun:
    """A run that is not done on both sides.

    Attributes:
        run_id: the run's id.
        old, new: its state in each set, with the kind of a failure.
        reason: why the set that has no result of it has none.
    """

    run_id: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RunOverlap:
    """How the runs of both sets match by run_id, baselines included. Pairs of numbers are of OLD and NEW.

    Attributes:
        planned, done: runs that each set plans, and those that are done.
        planned_in_both: runs that both sets plan; the fields below count or list these only.
        compared: ids of the runs that are done in both.
        compared_baselines: how many of the compared runs are baselines.
        identical: compared runs whose every value in every row is the same (of baselines, in the last row).
        done_only_in_old, done_only_in_new, done_in_neither: the runs that cannot be compared.
    """

    planned: tuple[int, int]
    done: tuple[int, int]
    planned_in_both: int
    compared: tuple[str, ...]
    compared_baselines: int
    identical: int
    done_only_in_old: tuple[UnmatchedRun, ...]
    done_only_in_new: tuple[UnmatchedRun, ...]
    done_in_neither: tuple[UnmatchedRun, ...]

    @property
    def planned_in_one(self) -> tuple[int, int]:
        """Runs that only OLD plans, and runs that only NEW plans."""
        return self.planned[0] - self.planned_in_both, self.planned[1] - self.planned_in_both


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The comparison of two result sets.

    Attributes:
        runs: how the runs match.
        metrics: the metrics that some compared run has.
        health, timing: tallies of the compared runs of OLD and of NEW in words.
    """

    runs: RunOverlap
    metrics: tuple[MetricComparison, ...]
    health: tuple[str, str]
    timing: tuple[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return everything for programs; a number that does not exist is null."""
        return cast(dict[str, Any], _to_json(asdict(self)))


def _to_json(value: Any) -> Any:
    """Return a nested value under the keys of the JSON, with None for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {JSON_KEYS.get(name, name): _to_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- gates ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One `--fail-on`: the verdicts that fail, of one metric or, without one, of all metrics that are no cost."""

    word: Literal["worse", "different"]
    metric: str | None = None

    def __str__(self) -> str:
        return f"{self.word}:{self.metric}" if self.metric else self.word

    def watches(self, metric: MetricComparison) -> bool:
        """Return whether the metric counts for this gate."""
        # Time and memory depend on the machine too, so they count only when they are named.
        return metric.name == self.metric if self.metric else not metric.cost

    def failing_changes(self, metric: MetricComparison) -> list[MetricChange]:
        """Return the changes of a metric that fail this gate."""
        failing = {"worse"} if self.word == "worse" else {*VERDICTS} - {"same", "identical"}
        return [change for change in metric.changes if change.verdict in failing] if self.watches(metric) else []


def parse_gate(text: str) -> Gate:
    """Return the gate of `worse`, `different`, `worse:METRIC` or `different:METRIC`; ValueError for other text."""
    word, colon, metric = text.partition(":")
    # `worse:` without a metric is a typing mistake, not a gate on all metrics.
    if word not in ("worse", "different") or bool(colon) != bool(metric):
        raise ValueError("expected worse, different, worse:METRIC or different:METRIC")
    return Gate(word=cast(Literal["worse", "different"], word), metric=metric or None)


def explain_failures(comparison: Comparison, gates: Sequence[Gate]) -> list[str]:
    """Return why the gates fail, a sentence for each reason; empty when all of them pass.

    A run that is done in OLD and not in NEW fails every gate.
    """
    if not gates:
        return []
    reasons = []
    if lost := comparison.runs.done_only_in_old:
        states = Counter(run.new for run in lost)
        tally = ", ".join(f"{count} {state}" for state, count in states.items())
        reasons.append(f"runs done in OLD and not in NEW: {len(lost)} ({tally})")
    for metric in comparison.metrics:
        if metric.lost_runs and any(gate.watches(metric) for gate in gates):
            reasons.append(f"{metric.label}: runs that have it in OLD and not in NEW: {metric.lost_runs}")
        # A set, because two gates can fail on the same change.
        failing = sorted({change for gate in gates for change in gate.failing_changes(metric)}, key=metric.sort_key)
        for verdict in VERDICTS:
            parts = [metric.describe(change) for change in failing if change.verdict == verdict]
            if parts:
                reasons.append(f"{metric.label}: {verdict}: {list_first(parts)}")
    return reasons


def has_no_power(comparison: Comparison, gates: Sequence[Gate]) -> bool:
    """Return whether something changed, but no gate can fail on it.

    That is so where every gate is `worse` and no change that they watch has the three seeds that a verdict needs.
    """
    watched = [
        change for gate in gates for metric in comparison.metrics if gate.watches(metric) for change in metric.changes
    ]
    changed = any(change.verdict == "too few seeds" for change in watched)
    # The interval needs three seeds as well, so it is NaN exactly where no verdict is possible.
    return changed and all(gate.word == "worse" for gate in gates) and all(math.isnan(change.low) for change in watched)


def list_first(texts: Sequence[str], separator: str = "; ") -> str:
    """Return the first MAX_LISTED texts, and how many more there are."""
    rest = len(texts) - MAX_LISTED
    return separator.join([*texts[:MAX_LISTED], f"and {rest} more"] if rest > 0 else texts)
