"""Which points no other beats: none costs less at no lower quality, none is better at no higher cost.

In: numbers of each point. Out: whether it is on the front.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dcbench.analysis.statistics.matching import Floats


def front(cost: Floats, quality: Floats) -> npt.NDArray[np.bool_]:
    """The Pareto front; equal points are all on it, points without a number are not."""
    told = np.zeros(len(cost), dtype=bool)
    best = -np.inf
    there = np.flatnonzero(np.isfinite(cost) & np.isfinite(quality))
    for at in there[np.lexsort((-quality[there], cost[there]))]:
        twin = quality[at] == best and any(told & (cost == cost[at]))
        told[at] = quality[at] > best or twin
        best = max(best, quality[at])
    return told
