"""Whether a run's features and clusters stayed healthy, by a rule that never looks at the labels.

In: the rows of metrics.csv. Out: `healthy`, `degenerate` or `collapsed`, since which epoch, and why. The state of
the last row is the run's; it began with the first row from which on it was never better.

The raw features' effective rank alone can decide, because whitening hides collapse: k-means on whitened noise
fills its clusters evenly. A verdict is about the geometry of features and clusters, not about the score: whitening
can find what a nearly collapsed network still holds, so the score is always shown beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["healthy", "degenerate", "collapsed"]
ORDER: tuple[State, ...] = ("healthy", "degenerate", "collapsed")

RANK_COLLAPSED = 1.1
"""Effective rank of the raw features under which one direction holds nearly all of their variance."""
RANK_LOW = 2.0
"""Effective rank under which fewer directions are left than two clusters need to be more than a line cut in pieces."""
SHARE_COLLAPSED, SHARE_LOW = 0.95, 0.5
"""Share of the images in the largest cluster, from which on."""
ENTROPY_LOW = 0.8
"""Entropy of the cluster sizes, as a share of log k, under which."""
ACTIVE_LOW = 0.5
"""Share of the k clusters that k-means itself fills, under which; empty ones are refilled before rows are written."""
JUMP, JUMP_ROWS = 0.5, 3
"""Change of the NMI epoch to epoch from one row to the next, from which on, and for how many rows it counts."""

LOOKS_AT = (
    "epoch", "feature_rank", "largest_cluster_share", "cluster_entropy", "refilled_clusters", "nmi_previous",
)  # fmt: skip
"""Columns of metrics.csv that the rule looks at."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Health:
    """A run's state, the epoch since which it is in it, and what showed it in the last row."""

    state: State
    since: int
    why: str

    def __str__(self) -> str:
        return self.state if self.state == "healthy" else f"{self.state} since epoch {self.since} ({self.why})"


def judge_health(rows: Sequence[Row], k: int) -> Health:
    """The health of a run with all its rows, in order; `k` is its number of clusters."""
    state, why = _judged(rows, len(rows) - 1, k)
    return Health(state, int(rows[_since(rows, state, k)]["epoch"]), why)


def _since(rows: Sequence[Row], state: State, k: int) -> int:
    """The first row from which on the run was never better; nothing is better than healthy, so no row is looked at."""
    for number in reversed(range(len(rows) if state != ORDER[0] else 0)):
        if ORDER.index(_judged(rows, number, k)[0]) < ORDER.index(state):
            return number + 1
    return 0


def _judged(rows: Sequence[Row], number: int, k: int) -> tuple[State, str]:
    """The state of a row, and its signs."""
    recent = rows[max(0, number - JUMP_ROWS) : number + 1]
    low = _signs(recent, k)
    collapsed = _collapsed(recent[-1], low)
    if collapsed:
        return "collapsed", collapsed
    return ("degenerate", ", ".join(low.values())) if low else ("healthy", "")


def _collapsed(row: Row, low: Mapping[str, str]) -> str:
    if _value(row, "feature_rank") < RANK_COLLAPSED:
        return f"feature rank {_value(row, 'feature_rank'):.2f}"
    if _value(row, "largest_cluster_share") >= SHARE_COLLAPSED:
        return f"largest cluster {_value(row, 'largest_cluster_share'):.0%}"
    return f"{low['rank']}, {low['entropy']}" if {"rank", "entropy"} <= low.keys() else ""


def _signs(recent: Sequence[Row], k: int) -> dict[str, str]:
    """What is wrong with the last of these rows, in words; a value that is not there is no sign."""
    row = recent[-1]
    rank, share = _value(row, "feature_rank"), _value(row, "largest_cluster_share")
    entropy, active = _value(row, "cluster_entropy"), k - _value(row, "refilled_clusters")
    jump = max((change for change in map(_change, recent, recent[1:]) if change >= JUMP), default=0.0)
    signs = {
        "rank": (rank < RANK_LOW, f"feature rank {rank:.2f}"),
        "share": (share >= SHARE_LOW and k > 2, f"largest cluster {share:.0%}"),
        "entropy": (entropy < ENTROPY_LOW, f"cluster entropy {entropy:.2f}"),
        "active": (active < ACTIVE_LOW * k, f"k-means filled {active:.0f} of {k} clusters"),
        "jump": (jump >= JUMP, f"NMI epoch to epoch changed by {jump:.2f}"),
    }
    return {name: told for name, (shown, told) in signs.items() if shown}


def _change(before: Row, row: Row) -> float:
    return abs(_value(row, "nmi_previous") - _value(before, "nmi_previous"))


def _value(row: Row, name: str) -> float:
    """A figure of the row, NaN where there is none."""
    value = row.get(name)
    return math.nan if value in (None, "") else float(value)
