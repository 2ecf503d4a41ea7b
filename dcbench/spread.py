"""Work on many runs, in lists of a hundred, on all cores where that is worth the start of the processes.

In: a function of a list, and the list. Out: what the function made of each part, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from joblib import Parallel, delayed

T = TypeVar("T")
R = TypeVar("R")

PART = 100
"""Runs in a part: few enough that what comes back of some parts fits into memory beside the whole."""

WORTH = 50_000
"""Rows of metrics from which on processes are started; they take a second to come up."""


def spread(function: Callable[[Sequence[T]], R], items: Sequence[T], rows: int) -> Iterator[R]:
    """The function of each part of the items; `rows` is how many rows of metrics they have together."""
    parts = [items[start : start + PART] for start in range(0, len(items), PART)]
    together = Parallel(n_jobs=-1 if rows >= WORTH else 1, batch_size=1, return_as="generator")
    yield from together(delayed(function)(part) for part in parts)
