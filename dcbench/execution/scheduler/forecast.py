"""Forecast the time and memory of each class of runs, and when the matrix will be finished.

Nothing is guessed: a class that was neither measured nor probed has no numbers, and then neither has the matrix.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dcbench.core.spec import STAGE_BACKENDS, RunSpec, format_value
from dcbench.core.store.status import PlannedRun
from dcbench.execution.scheduler.history import COST_FIELDS, CostKey, ExpectedCost, get_cost_key
from dcbench.execution.scheduler.packing import Pool, urgency
from dcbench.execution.scheduler.settings import SchedulerSettings


@dataclass(frozen=True, kw_only=True)
class ClassForecast:
    """The runs of one class with equal epochs."""

    title: str
    """Values that distinguish it from the other classes."""
    epochs: int
    runs: int
    done: int
    """Number of runs that are done or skipped."""
    expected: ExpectedCost


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The cost of the runs that are left; a total is None if the cost of any of them is unknown."""

    classes: list[ClassForecast]
    """All classes, in the plan's order."""
    left: int
    unknown: int
    """Number of runs left whose time is unknown."""
    run_seconds: float | None
    """Sum of the times of all runs left."""
    memory_mb: float | None
    """Largest memory (MB) of a run left; None if it is unknown for all of them."""
    finish_seconds: float | None
    """Time until the last run ends, if sharing a device slows no run down."""
    unshared_seconds: float | None
    """Time until the last run ends, if each run has a GPU alone; None on the CPU."""


def forecast(entries: Sequence[PlannedRun], settings: SchedulerSettings) -> Forecast:
    """Return the cost of what is left of the matrix, on the devices of these settings."""
    history = settings.history
    groups: dict[CostKey, list[PlannedRun]] = {}
    for entry in entries:
        groups.setdefault(get_cost_key(entry.spec), []).append(entry)
    names = find_distinguishing_fields([group[0].spec for group in groups.values()])
    classes = [
        ClassForecast(
            title=make_title(group[0].spec, names),
            epochs=group[0].spec.epochs,
            runs=len(group),
            done=sum(entry.state.name in ("done", "skipped") for entry in group),
            expected=history.predict(key),
        )
        for key, group in groups.items()
    ]
    specs = [entry.spec for entry in entries if entry.state.name not in ("done", "skipped")]
    costs = [history.predict(get_cost_key(spec)) for spec in specs]
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    known = len(seconds) == len(specs)
    pool = settings.pool
    return Forecast(
        classes=classes,
        left=len(specs),
        unknown=len(specs) - len(seconds),
        run_seconds=sum(seconds) if known else None,
        memory_mb=max((cost.memory_mb for cost in costs if cost.memory_mb is not None), default=None),
        finish_seconds=simulate(specs, settings, pool.copy_empty()) if known else None,
        unshared_seconds=simulate(specs, settings, pool.copy_empty(slots=1)) if known and pool.on_gpus else None,
    )


def find_distinguishing_fields(specs: Sequence[RunSpec]) -> list[str]:
    """Return a small set of fields that distinguishes these specs, the backend first."""

    def count_distinct(names: Sequence[str]) -> int:
        return len({tuple(getattr(spec, name) for name in names) for spec in specs})

    chosen: list[str] = []
    for name in ("backend", *(name for name in COST_FIELDS if name not in STAGE_BACKENDS)):
        if count_distinct([*chosen, name]) > count_distinct(chosen):
            chosen.append(name)
    # Later fields may have made an earlier one superfluous.
    return [name for name in chosen if count_distinct([other for other in chosen if other != name]) < len(specs)]


def make_title(spec: RunSpec, names: Sequence[str]) -> str:
    """Return the spec's values of these fields; a number comes with its field's name."""
    values = {name: getattr(spec, name) for name in names}
    words = [
        format_value(value) if isinstance(value, str) else f"{name} {format_value(value)}"
        for name, value in values.items()
    ]
    return " ".join(words) or spec.dataset


def simulate(specs: Sequence[RunSpec], settings: SchedulerSettings, pool: Pool) -> float:
    """Return when (s) the last run ends if each takes its expected time, in the order that the loop would choose."""
    costs = [settings.history.predict(get_cost_key(spec)) for spec in specs]
    keys = [urgency(spec, cost, pool.share, settings.first) for spec, cost in zip(specs, costs, strict=True)]
    queue = sorted(range(len(specs)), key=keys.__getitem__)
    live: list[tuple[float, Path]] = []  # a heap of end times
    # The same choices as in `Loop`, without workers: start what fits, then advance the time to the next end of a run.
    now = 0.0
    while queue or live:
        waiting: list[int] = []
        too_large: set[float | None] = set()  # needs that did not fit, each tried once
        for position, number in enumerate(queue):
            if pool.full:
                waiting += queue[position:]
                break
            cost, run = costs[number], Path(str(number))
            if cost.memory_mb in too_large or pool.place(run, cost.memory_mb) is None:
                too_large.add(cost.memory_mb)
                waiting.append(number)
            else:
                heapq.heappush(live, (now + (cost.seconds or 0.0), run))
        queue = waiting
        now, run = heapq.heappop(live)
        pool.release(run)
    return now
