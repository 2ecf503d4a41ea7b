"""What a matrix will come to: the time and memory of each class, device-hours, and when it will be through.

In: the ledger's entries and what is known of their classes. Out: a Forecast. Nothing is guessed: a class that was
neither measured nor probed has no figure, and then the whole has none.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dcbench.core.spec import STAGE_BACKENDS, RunSpec, format_value
from dcbench.core.store.status import PlannedRun
from dcbench.execution.scheduler.history import COST_FIELDS, ExpectedCost, History, Key, key_of
from dcbench.execution.scheduler.loop import SchedulerSettings
from dcbench.execution.scheduler.order import urgency
from dcbench.execution.scheduler.packing import Pool


@dataclass(frozen=True)
class ClassForecast:
    """A class of runs: what tells it from the others, how many there are and are done, and what one costs."""

    title: str
    epochs: int
    runs: int
    done: int
    expected: ExpectedCost


@dataclass(frozen=True)
class Forecast:
    """What is left: `run_seconds` of all its runs, one after another; `finish_seconds` from now if sharing a device
    costs nothing, `unshared_seconds` if each run has a GPU for itself; the largest memory (MB). None where not known.

    `unknown` counts the runs left of which nothing is known.
    """

    classes: list[ClassForecast]
    left: int
    unknown: int
    run_seconds: float | None
    memory_mb: float | None
    finish_seconds: float | None
    unshared_seconds: float | None


def forecast(entries: Sequence[PlannedRun], settings: SchedulerSettings) -> Forecast:
    """What is left of the matrix on these devices."""
    left = [entry.spec for entry in entries if entry.state.name not in ("done", "skipped")]
    expected = [settings.history.expect(key_of(spec)) for spec in left]
    seconds = [one.seconds for one in expected if one.seconds is not None]
    known = len(seconds) == len(left)
    memory = [one.memory_mb for one in expected if one.memory_mb is not None]
    return Forecast(
        _classes(entries, settings.history),
        len(left),
        len(left) - len(seconds),
        sum(seconds) if known else None,
        max(memory, default=None),
        _makespan(left, settings, settings.pool.empty()) if known else None,
        _makespan(left, settings, settings.pool.unshared()) if known and settings.pool.on_gpus else None,
    )


def _classes(entries: Sequence[PlannedRun], history: History) -> list[ClassForecast]:
    groups: dict[Key, list[PlannedRun]] = {}
    for entry in entries:
        groups.setdefault(key_of(entry.spec), []).append(entry)
    telling = _telling([group[0].spec for group in groups.values()])
    return [
        ClassForecast(
            _title(group[0].spec, telling),
            group[0].spec.epochs,
            len(group),
            sum(entry.state.name in ("done", "skipped") for entry in group),
            history.expect(key_of(group[0].spec)),
        )
        for group in groups.values()
    ]


def _telling(specs: Sequence[RunSpec]) -> list[str]:
    """The fewest fields that tell the classes apart, the most familiar first."""
    chosen: list[str] = []
    for name in ("backend", *(name for name in COST_FIELDS if name not in STAGE_BACKENDS)):
        if _kinds(specs, [*chosen, name]) > _kinds(specs, chosen):
            chosen.append(name)
    return [name for name in chosen if _kinds(specs, [other for other in chosen if other != name]) < len(specs)]


def _kinds(specs: Sequence[RunSpec], names: Sequence[str]) -> int:
    return len({tuple(getattr(spec, name) for name in names) for spec in specs})


def _title(spec: RunSpec, telling: Sequence[str]) -> str:
    """The values that tell the class from the others; of numbers their names as well."""
    values = {name: getattr(spec, name) for name in telling}
    words = [
        format_value(value) if isinstance(value, str) else f"{name} {format_value(value)}"
        for name, value in values.items()
    ]
    return " ".join(words) or spec.dataset


def _makespan(specs: Sequence[RunSpec], settings: SchedulerSettings, pool: Pool) -> float:
    """When the last run ends if every run takes what it is expected to, in the order that the loop would keep."""
    expected = [settings.history.expect(key_of(spec)) for spec in specs]
    urgent = [urgency(spec, cost, pool.share, settings.first) for spec, cost in zip(specs, expected, strict=True)]
    queue = sorted(range(len(specs)), key=urgent.__getitem__)
    live: list[tuple[float, Path]] = []
    now = 0.0
    while queue or live:
        waiting: list[int] = []
        too_large: set[float | None] = set()
        for place, number in enumerate(queue):
            if pool.full:
                waiting += queue[place:]
                break
            cost, run = expected[number], Path(str(number))
            if cost.memory_mb in too_large or pool.place(run, cost.memory_mb) is None:
                too_large.add(cost.memory_mb)
                waiting.append(number)
            else:
                heapq.heappush(live, (now + (cost.seconds or 0.0), run))
        queue = waiting
        now, ended = heapq.heappop(live)
        pool.release(ended)
    return now
