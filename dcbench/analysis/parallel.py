"""Work on many runs on all cores, where that is worth the start of the processes, and one memory for all of them.

In: a function of a list and the list, or a value with large arrays. Out: what the function made of each part of the
list, in order; the value in a file that processes share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from joblib import Parallel, delayed, dump, load

T = TypeVar("T")
R = TypeVar("R")

CHUNK_SIZE = 100
"""Runs in a part: few enough that what comes back of some parts fits into memory beside the whole."""

MIN_PARALLEL_ROWS = 50_000
"""Rows of metrics from which on processes are started; they take a second to come up."""


def map_in_parallel(function: Callable[[Sequence[T]], R], items: Sequence[T], rows: int) -> Iterator[R]:
    """The function of each part of the items; `rows` is how many rows of metrics they have together."""
    parts = [items[start : start + CHUNK_SIZE] for start in range(0, len(items), CHUNK_SIZE)]
    together = Parallel(n_jobs=-1 if rows >= MIN_PARALLEL_ROWS else 1, batch_size=1, return_as="generator")
    yield from together(delayed(function)(part) for part in parts)


def share_memory(value: T, folder: Path, rows: int) -> T:
    """The value with its large arrays in a file of the folder, read-only: of it memory holds what is looked at, once.

    All processes that are handed it share the file; it must stay while the value is used. Without room for it, and for
    few rows, the value stays as it is.
    """
    with suppress(OSError):
        if rows >= MIN_PARALLEL_ROWS:
            dump(value, folder / "mapped")
            value = load(folder / "mapped", mmap_mode="r")
    return value
