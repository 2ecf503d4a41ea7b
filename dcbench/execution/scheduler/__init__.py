"""The scheduler: what is left of a plan, in what order, where and when each run works, and what follows a failure.

In: the ledger's entries, an executor's name and options. Out: an Outcome as each run starts and ends. Every run ends
in exactly one state on disk, also when its worker cannot write it.

packing says what fits where, history what runs cost, order what comes first, faults what a failure leads to; the
loop does it, the probe measures what history does not know, and the forecast tells beforehand what it will come to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcbench import registry
from dcbench.core.store.status import PlannedRun
from dcbench.execution.executors import Options
from dcbench.execution.scheduler import downloads, packing, probe
from dcbench.execution.scheduler.faults import mark_stopped
from dcbench.execution.scheduler.history import History, cost_class, key_of, machine
from dcbench.execution.scheduler.loop import Loop, Notice, RunEvent, SchedulerSettings

__all__ = ["Notice", "RunEvent", "SchedulerSettings", "runs_left", "measure", "run", "scheduler_settings"]


def runs_left(entries: Sequence[PlannedRun], redo: bool = False, only: str | None = None) -> list[PlannedRun]:
    """The runs to do, in the plan's order: not done and not skipped, with `redo` all, with `only` those so."""
    if only is not None:
        return [entry for entry in entries if entry.state.name == only]
    return [entry for entry in entries if redo or entry.state.name not in ("done", "skipped")]


def scheduler_settings(
    options: Options, entries: Sequence[PlannedRun] = (), root: Path | None = None, **more: Any
) -> SchedulerSettings:
    """The devices of these options, and what runs under `root` tell of the classes of these entries."""
    known = History(machine(options))
    if root is not None:
        known.read(root, {cost_class(entry.spec) for entry in entries})
    return SchedulerSettings(packing.pool(options), known, **more)


def measure(entries: Sequence[PlannedRun], executor: str, options: Options, settings: SchedulerSettings) -> None:
    """Probe the classes of these entries whose time is not known; what cannot be had stays unknown."""
    missing = downloads.fetch_all([entry.spec for entry in entries], options.data_dir, settings.stop)
    specs = probe.unknown_classes([entry for entry in entries if entry.spec.dataset not in missing], settings)
    probe.probe(specs, executor, options, settings)


def run(
    todo: Sequence[PlannedRun], executor: str, options: Options, settings: SchedulerSettings | None = None
) -> Iterator[RunEvent | Notice]:
    """Do these runs; closing the iterator stops the workers, and their runs are pending again."""
    settings = settings or scheduler_settings(options)
    problems = downloads.fetch_all([entry.spec for entry in todo], options.data_dir, settings.stop)
    ready = [entry for entry in todo if entry.spec.dataset not in problems]
    for entry in todo:
        if problem := problems.get(entry.spec.dataset):
            yield RunEvent(entry.folder, downloads.failed(entry, problem))
    if problems and settings.policy.fail_fast:
        yield Notice("--fail-fast: a dataset cannot be had; nothing starts")
        return
    if unknown := probe.classes_to_probe(ready, settings):
        yield Notice(f"measuring the memory of {len(unknown)} classes of runs that nothing is known of yet")
        probe.probe(unknown, executor, options, settings)
    if not ready:
        return
    if options.jobs > len(options.gpus) > 0:
        needs = [settings.history.expect(key_of(entry.spec)).memory_mb for entry in ready]
        options = replace(options, threads=packing.threads_each(settings.pool, needs))
        settings.pool.spread(options.threads)
    workers = registry.load("executors", executor).Workers(options)
    loop = Loop(ready, workers, settings)
    try:
        yield from loop.outcomes()
    finally:
        workers.close()
        for job in loop.live.values():  # killed in the middle of a long computation, before it could say so
            mark_stopped(job.entry.folder)
