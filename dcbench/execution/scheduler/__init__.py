"""Schedule the unfinished runs of a plan on the available devices.

In: planned runs, the name of an executor, and SchedulerSettings. Out: a RunEvent as each run starts and ends. Every run
ends in exactly one state on disk, even if its worker cannot write it.

The modules: `history` predicts the cost of a run from finished runs, `probe` measures unknown costs, `packing` orders
the runs and finds a device for each, `loop` starts and stops workers, `faults` handles failures, and `forecast`
estimates when a matrix will be finished.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from dcbench import registry
from dcbench.core.store.status import PlannedRun
from dcbench.execution import downloads
from dcbench.execution.scheduler import probe
from dcbench.execution.scheduler.faults import fail_before_start, mark_stopped
from dcbench.execution.scheduler.history import get_cost_key
from dcbench.execution.scheduler.loop import Loop, Notice, RunEvent
from dcbench.execution.scheduler.settings import SchedulerSettings, make_settings

__all__ = ["Notice", "RunEvent", "SchedulerSettings", "make_settings", "measure_costs", "run", "select_runs"]


def select_runs(entries: Sequence[PlannedRun], redo: bool = False, only: str | None = None) -> list[PlannedRun]:
    """Return the runs to execute, in the plan's order: those neither done nor skipped.

    With `only`, return the runs in that state instead; with `redo`, all runs.
    """
    if only is not None:
        return [entry for entry in entries if entry.state.name == only]
    return [entry for entry in entries if redo or entry.state.name not in ("done", "skipped")]


def measure_costs(entries: Sequence[PlannedRun], executor: str, settings: SchedulerSettings) -> None:
    """Probe the classes of these runs whose time is unknown, except for those whose dataset is missing."""
    datasets = [entry.spec.dataset for entry in entries]
    problems = downloads.fetch_all(datasets, settings.config.data_dir, settings.interrupts.stop_requested)
    specs = probe.find_unknown_classes([entry for entry in entries if entry.spec.dataset not in problems], settings)
    probe.run_probes(specs, executor, settings)


def run(entries: Sequence[PlannedRun], executor: str, settings: SchedulerSettings) -> Generator[RunEvent | Notice]:
    """Execute these runs. Closing the iterator stops the workers, and their runs are pending again."""
    datasets = [entry.spec.dataset for entry in entries]
    problems = downloads.fetch_all(datasets, settings.config.data_dir, settings.interrupts.stop_requested)
    ready = [entry for entry in entries if entry.spec.dataset not in problems]
    for entry in entries:
        if problem := problems.get(entry.spec.dataset):
            yield RunEvent(folder=entry.folder, state=fail_before_start(entry, problem))
    if problems and settings.policy.fail_fast:
        yield Notice("--fail-fast: a dataset is missing; nothing starts")
        return
    if classes := probe.find_classes_to_probe(ready, settings):
        yield Notice(f"measuring the memory of {len(classes)} classes of runs of unknown cost")
        probe.run_probes(classes, executor, settings)
    if not ready:
        return
    pool = settings.pool
    if pool.on_gpus and settings.config.jobs > len(pool.devices):
        # Only now is it known how many runs fit in the memory of a GPU, and so how many share the cores.
        threads = pool.count_threads(settings.history.predict(get_cost_key(entry.spec)).memory_mb for entry in ready)
        settings = replace(settings, config=replace(settings.config, threads=threads))
        pool.limit_slots(threads)
    workers = registry.load("executors", executor).Executor(settings.config)
    loop = Loop(ready, workers, settings)
    try:
        yield from loop.run()
    finally:
        workers.close()
        for job in loop.live.values():  # `close` may have killed a worker before it recorded its state
            mark_stopped(job.entry.folder)
