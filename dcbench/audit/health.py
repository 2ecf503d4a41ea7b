"""Judge whether the features and clusters of a run stayed healthy, by a rule that never looks at the labels.

In: the rows of metrics.csv. Out: `healthy`, `degenerate` or `collapsed`, since which epoch, and why. The state of the
run is that of its last row; it began with the first row from which on no row was better.

The effective rank of the raw features can decide alone, because whitening hides collapse: k-means on whitened noise
fills its clusters evenly. The verdict is about the geometry of features and clusters, not about the score: whitening
can recover what a nearly collapsed network still holds, so the score always stands next to it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

HealthState = Literal["healthy", "degenerate", "collapsed"]
HEALTH_STATES: tuple[HealthState, ...] = ("healthy", "degenerate", "collapsed")
"""From best to worst."""

RANK_COLLAPSED = 1.1
"""Effective rank of the raw features below which one direction holds nearly all of their variance."""
RANK_LOW = 2.0
"""Effective rank below which the features lie near a line, and clusters can only cut it into pieces."""
SHARE_COLLAPSED, SHARE_LOW = 0.95, 0.5
"""Shares of the images in the largest cluster, at and above which a run is collapsed or degenerate."""
ENTROPY_LOW = 0.8
"""Entropy of the cluster sizes, as a share of log k, below which a run is degenerate."""
ACTIVE_LOW = 0.5
"""Share of the k clusters that k-means itself fills, before empty ones are refilled, below which it is degenerate."""
JUMP, JUMP_ROWS = 0.5, 3
"""Change of the NMI with the previous epoch, from one row to the next, at and above which a run is degenerate, and for
how many rows it counts."""

JUDGED_COLUMNS = (
    "epoch", "feature_rank", "largest_cluster_share", "cluster_entropy", "refilled_clusters", "nmi_previous",
)  # fmt: skip
"""Columns of metrics.csv that the rule uses."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """The health of a run: its state, the first epoch of that state, and what shows it in the last row."""

    state: HealthState
    since: int
    why: str

    def __str__(self) -> str:
        return self.state if self.state == "healthy" else f"{self.state} since epoch {self.since} ({self.why})"


def judge_health(rows: Sequence[Mapping[str, Any]], k: int) -> Health:
    """Return the health of a run from all its rows, in order; `k` is its number of clusters."""
    state, why = _judge_row(rows, len(rows) - 1, k)
    first = 0
    # Most runs are healthy, and nothing is better than that: then no other row needs a look.
    if state != "healthy":
        for number in reversed(range(len(rows))):
            if HEALTH_STATES.index(_judge_row(rows, number, k)[0]) < HEALTH_STATES.index(state):
                first = number + 1
                break
    return Health(state=state, since=int(rows[first]["epoch"]), why=why)


def _judge_row(rows: Sequence[Mapping[str, Any]], number: int, k: int) -> tuple[HealthState, str]:
    """Return the state of a row, and the signs of it in words."""
    row = rows[number]
    rank, share = _get_number(row, "feature_rank"), _get_number(row, "largest_cluster_share")
    entropy, active = _get_number(row, "cluster_entropy"), k - _get_number(row, "refilled_clusters")
    nmi = [_get_number(recent, "nmi_previous") for recent in rows[max(0, number - JUMP_ROWS) : number + 1]]
    # A value that does not exist is NaN, which is neither below nor above a limit, so it is no sign.
    changes = [abs(after - before) for before, after in itertools.pairwise(nmi)]
    jump = max((change for change in changes if change >= JUMP), default=0.0)
    signs = {
        "rank": (rank < RANK_LOW, f"feature rank {rank:.2f}"),
        # Of two clusters one always has half of the images.
        "share": (share >= SHARE_LOW and k > 2, f"largest cluster {share:.0%}"),
        "entropy": (entropy < ENTROPY_LOW, f"cluster entropy {entropy:.2f}"),
        "active": (active < ACTIVE_LOW * k, f"k-means filled {active:.0f} of {k} clusters"),
        "jump": (jump >= JUMP, f"NMI epoch to epoch changed by {jump:.2f}"),
    }
    shown = {name: text for name, (is_shown, text) in signs.items() if is_shown}
    if rank < RANK_COLLAPSED:
        return "collapsed", f"feature rank {rank:.2f}"
    if share >= SHARE_COLLAPSED:
        return "collapsed", f"largest cluster {share:.0%}"
    # Each of these alone is degenerate; few directions and uneven clusters together are collapse.
    if {"rank", "entropy"} <= shown.keys():
        return "collapsed", f"{shown['rank']}, {shown['entropy']}"
    return ("degenerate", ", ".join(shown.values())) if shown else ("healthy", "")


def _get_number(row: Mapping[str, Any], name: str) -> float:
    """Return a value of the row, which may be text, as a number; NaN if it does not exist."""
    value = row.get(name)
    return math.nan if value in (None, "") else float(value)
