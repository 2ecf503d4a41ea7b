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
from dcbench.core.devices import Gpu
from dcbench.core.store.status import PlannedRun
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.scheduler import downloads, packing, probe
from dcbench.execution.scheduler.faults import mark_stopped
from dcbench.execution.scheduler.history import History, cost_class, key_of, machine
from dcbench.execution.scheduler.loop import Loop, Notice, RunEvent, SchedulerSettings

__all__ = ["Notice", "RunEvent", "SchedulerSettings", "measure", "run", "runs_left", "scheduler_settings"]


def runs_left(entries: Sequence[PlannedRun], redo: bool = False, only: str | None = None) -> list[PlannedRun]:
    """The runs to do, in the plan's order: not done and not skipped, with `redo` all, with `only` those so."""
    if only is not None:
        return [entry for entry in entries if entry.state.name == only]
    return [entry for entry in entries if redo or entry.state.name not in ("done", "skipped")]


def scheduler_settings(
    config: WorkerConfig,
    gpus: Sequence[Gpu] = (),
    entries: Sequence[PlannedRun] = (),
    root: Path | None = None,
    **more: Any,
) -> SchedulerSettings:
    """The devices of these options, and what runs under `root` tell of the classes of these entries."""
    known = History(machine(config, gpus))
    if root is not None:
        known.read(root, {cost_class(entry.spec) for entry in entries})
    return SchedulerSettings(config, packing.make_pool(gpus, config.jobs), known, **more)


def measure(entries: Sequence[PlannedRun], executor: str, settings: SchedulerSettings) -> None:
    """Probe the classes of these entries whose time is not known; what cannot be had stays unknown."""
    missing = downloads.fetch_all([entry.spec for entry in entries], settings.config.data_dir, settings.stop)
    specs = probe.unknown_classes([entry for entry in entries if entry.spec.dataset not in missing], settings)
    probe.probe(specs, executor, settings)


def run(todo: Sequence[PlannedRun], executor: str, settings: SchedulerSettings) -> Iterator[RunEvent | Notice]:
    """Do these runs; closing the iterator stops the workers, and their runs are pending again."""
    problems = downloads.fetch_all([entry.spec for entry in todo], settings.config.data_dir, settings.stop)
    ready = [entry for entry in todo if entry.spec.dataset not in problems]
    for entry in todo:
        if problem := problems.get(entry.spec.dataset):
            yield RunEvent(entry.folder, downloads.failed(entry, problem))
    if problems and settings.policy.fail_fast:
        yield Notice("--fail-fast: a dataset cannot be had; nothing starts")
        return
    if unknown := probe.classes_to_probe(ready, settings):
        yield Notice(f"measuring the memory of {len(unknown)} classes of runs that nothing is known of yet")
        probe.probe(unknown, executor, settings)
    if not ready:
        return
    if settings.pool.on_gpus and settings.config.jobs > len(settings.pool.devices):
        needs = [settings.history.expect(key_of(entry.spec)).memory_mb for entry in ready]
        threads = packing.threads_each(settings.pool, needs)
        settings = replace(settings, config=replace(settings.config, threads=threads))
        settings.pool.spread(threads)
    workers = registry.load("executors", executor).Executor(settings.config)
    loop = Loop(ready, workers, settings)
    try:
        yield from loop.outcomes()
    finally:
        workers.close()
        for job in loop.live.values():  # killed in the middle of a long computation, before it could say so
            mark_stopped(job.entry.folder)
