"""What the comparison of two result sets came to, as plain data, and what of it fails a gate.

In: the words of `--fail-on`. Out: a Comparison, which `comparison` computes and `screens` shows, and why it fails.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

Verdict = Literal[
    "worse", "better", "higher", "lower", "cannot tell", "too few seeds", "same", "identical",
]  # fmt: skip
"""`identical` is a fact: every pair has the same number. The others are inferred, by `statistics.effects`."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""In the order in which they are told."""

UNCHANGED = ("same", "identical")

NAMED = 4
"""Parts or runs that a sentence names before it counts the rest."""


@dataclass(frozen=True)
class MetricChange:
    """How a metric changed from OLD to NEW in one part of the cells: those with `value` on `axis`, or all of them.

    `old` and `new` are means over the matched pairs, `mean` their change with its 95 % interval: a difference, or NEW
    by OLD where the metric is a ratio. `left_out` are pairs that had to go so that every seed has every cell.
    """

    axis: str
    value: str
    verdict: Verdict
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
        """The part of the cells in words."""
        return f"{self.axis} {self.value}" if self.axis else "overall"


@dataclass(frozen=True)
class MetricComparison:
    """A metric with its lines, the first over all cells; `gone` counts runs that have it in OLD and not in NEW.

    `better` is None where neither way is; of a `ratio` the margin is a factor; `cost` is time or memory.
    """

    name: str
    label: str
    better: Literal["higher", "lower"] | None
    margin: float
    ratio: bool
    cost: bool
    rule: str
    gone: int
    lines: tuple[MetricChange, ...]

    def level(self, value: float) -> str:
        """A mean, to one digit finer than the margin."""
        return f"{value:.4g}" if self.ratio else f"{value:.{self._decimals}f}"

    def change(self, value: float) -> str:
        """A change with its sign, or as a factor; one that is too small for the digits shows its size all the same."""
        if self.ratio:
            return f"\u00d7{value:.3f}"
        told = f"{value:+.{self._decimals}f}"
        return told if float(told) else f"{value:+.1g}" if value else "0"

    def interval(self, line: MetricChange) -> str:
        """The interval of a change; nothing where there is none, and of what is no estimate but a fact."""
        return (
            ""
            if math.isnan(line.low) or line.verdict == "identical"
            else f"{self.change(line.low)} to {self.change(line.high)}"
        )

    def told(self, line: MetricChange) -> str:
        """A part, its change and interval."""
        interval = self.interval(line)
        return f"{line.part} {self.change(line.mean)}" + (f" ({interval})" if interval else "")

    def rank(self, line: MetricChange) -> tuple[bool, float, str]:
        """Orders lines: the one over all cells first, then by how much changed."""
        return line.axis != "", -abs(math.log(line.mean) if self.ratio else line.mean), line.part

    @property
    def _decimals(self) -> int:
        return max(0, 1 - math.floor(math.log10(self.margin)))


@dataclass(frozen=True)
class UnmatchedRun:
    """A run that is not done on both sides: its states, and why the side that has no result has none."""

    run_id: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True)
class Runs:
    """The runs of both sets, told apart by run_id, baselines among them.

    Of those planned in both: `compared` are done in both, `beside` of these are baselines, and `identical` have every
    figure of every row in common (of baselines, the last row). `gone` are done in OLD alone, `come` in NEW alone.
    """

    planned: tuple[int, int]
    done: tuple[int, int]
    both: int
    compared: tuple[str, ...]
    beside: int
    identical: int
    gone: tuple[UnmatchedRun, ...]
    come: tuple[UnmatchedRun, ...]
    neither: tuple[UnmatchedRun, ...]

    @property
    def alone(self) -> tuple[int, int]:
        """Runs that only OLD plans, and only NEW."""
        return self.planned[0] - self.both, self.planned[1] - self.both


@dataclass(frozen=True)
class Comparison:
    """Two result sets beside each other; `health` and `timing` tally the compared runs of OLD and NEW in words."""

    runs: Runs
    metrics: tuple[MetricComparison, ...]
    health: tuple[str, str]
    timing: tuple[str, str]

    def as_json(self) -> dict[str, Any]:
        """All of it for programs; a number that does not exist is null."""
        return cast(dict[str, Any], _plain(asdict(self)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- gates ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gate:
    """One `--fail-on`: what fails, of one metric or of all that are no cost."""

    word: Literal["worse", "different"]
    metric: str | None = None

    def __str__(self) -> str:
        return f"{self.word}:{self.metric}" if self.metric else self.word

    def watches(self, metric: MetricComparison) -> bool:
        """Whether the metric counts; time and memory only by their names, for they are the machine's, too."""
        return metric.name == self.metric if self.metric else not metric.cost

    def hit(self, metric: MetricComparison) -> list[MetricChange]:
        """The lines of a metric that fail."""
        return [line for line in metric.lines if self._fails(line)] if self.watches(metric) else []

    def _fails(self, line: MetricChange) -> bool:
        return line.verdict == "worse" if self.word == "worse" else line.verdict not in UNCHANGED


def gate_of(text: str) -> Gate:
    """A gate from `worse`, `different`, `worse:METRIC` or `different:METRIC`; ValueError says what was expected."""
    word, colon, metric = text.partition(":")
    if word not in ("worse", "different") or bool(colon) != bool(metric):
        raise ValueError("expected worse, different, worse:METRIC or different:METRIC")
    return Gate(cast(Literal["worse", "different"], word), metric or None)


def failures(comparison: Comparison, gates: Sequence[Gate]) -> list[str]:
    """Why the gates fail, a sentence each; nothing when they hold. A result that is gone fails every gate."""
    if not gates:
        return []
    told = [f"runs done in OLD and not in NEW: {_states(comparison.runs.gone)}"] if comparison.runs.gone else []
    for metric in comparison.metrics:
        if metric.gone and any(gate.watches(metric) for gate in gates):
            told.append(f"{metric.label}: runs that have it in OLD and not in NEW: {metric.gone}")
        told += _changes(metric, gates)
    return told


def _changes(metric: MetricComparison, gates: Sequence[Gate]) -> Iterator[str]:
    """A sentence for each verdict that fails, the parts that changed most first."""
    hit = sorted({line for gate in gates for line in gate.hit(metric)}, key=metric.rank)
    for verdict in VERDICTS:
        lines = [metric.told(line) for line in hit if line.verdict == verdict]
        if lines:
            yield f"{metric.label}: {verdict}: {named(lines)}"


def blind(comparison: Comparison, gates: Sequence[Gate]) -> bool:
    """Whether something changed that no gate can tell: all are `worse`, and no line that they watch has three seeds."""
    told = [line for gate in gates for metric in comparison.metrics if gate.watches(metric) for line in metric.lines]
    changed = any(line.verdict == "too few seeds" for line in told)
    return changed and all(gate.word == "worse" for gate in gates) and all(math.isnan(line.low) for line in told)


def _states(runs: Sequence[UnmatchedRun]) -> str:
    """How many there are, and in which states in NEW."""
    counts = Counter(run.new for run in runs)
    return f"{len(runs)} ({', '.join(f'{count} {state}' for state, count in counts.items())})"


def named(words: Sequence[str], between: str = "; ") -> str:
    """The first few, and how many more there are."""
    rest = len(words) - NAMED
    return between.join(words[:NAMED]) + (f"{between}and {rest} more" if rest > 0 else "")
