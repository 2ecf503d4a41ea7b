"""Process many runs on all cores, and share one copy of large data between the processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed, dump, load

from dcbench import registry

T = TypeVar("T")
R = TypeVar("R")

CHUNK_SIZE = 100
"""Runs in a part: enough to pay for a call, few enough that some finished parts fit into memory next to the whole."""

MIN_PARALLEL_ROWS = 50_000
"""Fewest rows of metrics for which processes are faster; they take a second to start."""


def map_in_parallel(function: Callable[[Sequence[T]], R], items: Sequence[T], rows: int) -> Iterator[R]:
    """Yield the result of the function for each part of the items; `rows` is how many rows of metrics they have."""
    parts = [items[start : start + CHUNK_SIZE] for start in range(0, len(items), CHUNK_SIZE)]
    # A generator hands over each part as soon as it and those before it are done. Batches larger than 1 would hold
    # parts back, and a list would hold all of them at once.
    pool = Parallel(n_jobs=-1 if rows >= MIN_PARALLEL_ROWS else 1, batch_size=1, return_as="generator")
    call = delayed(with_plugins(function))
    yield from pool(call(part) for part in parts)


def with_plugins(function: Callable[..., R]) -> Callable[..., R]:
    """Return the function for another process, where it finds the plug-ins that this process knows."""
    return partial(_call_with_plugins, registry.get_state(), function)


def _call_with_plugins(plugins: Any, function: Callable[..., R], *arguments: Any) -> R:
    # A process of the pool may be older than the plug-ins.
    registry.set_state(plugins)
    return function(*arguments)


def share_memory(value: T, folder: Path, rows: int) -> T:
    """Return the value with its large arrays in a read-only file of the folder, which must outlive it.

    Processes that receive the value map the same file, so that memory holds one copy, and of that only what is read.
    Without room for the file, and for few rows, the value is returned as it is.
    """
    with suppress(OSError):
        if rows >= MIN_PARALLEL_ROWS:
            dump(value, folder / "mapped")
            value = load(folder / "mapped", mmap_mode="r")
    return value
