"""A short run of each class that nothing is known of: what will a whole one take?

In: specs. Out: what their classes cost, into the history. A probe is a real run, by the same worker, of one epoch on
part of the images, in a temporary folder. From two sizes a line is drawn through start, row and memory, since each is
a fixed part (imports, reading the files, the eigenvectors of a PCA) and one that grows with the images.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from dcbench import registry
from dcbench.core.matrix.validate import count_training_images
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.execution.scheduler.faults import FaultPolicy
from dcbench.execution.scheduler.history import CostClass, History, MeasuredCost, cost_class, key_of, measure_cost
from dcbench.execution.scheduler.loop import Loop, SchedulerSettings

LARGE, SMALL = 4096, 1024
"""Training images of the two probes; a run with not many more than the first is probed once, with all of them."""


def unknown_classes(entries: Sequence[PlannedRun], settings: SchedulerSettings, memory: bool = False) -> list[RunSpec]:
    """One spec of each class whose time, or with `memory` whose memory, is not known."""
    found: dict[CostClass, RunSpec] = {}
    for entry in sorted(entries, key=lambda entry: not entry.spec.epochs):  # one without epochs tells of no row
        expected = settings.history.expect(key_of(entry.spec))
        if (expected.memory_mb if memory else expected.seconds) is None:
            found.setdefault(cost_class(entry.spec), entry.spec)
    return list(found.values())


def classes_to_probe(entries: Sequence[PlannedRun], settings: SchedulerSettings) -> list[RunSpec]:
    """What must be probed before runs may share a GPU; nothing on a CPU, and where each has a GPU for itself."""
    shared = settings.pool.on_gpus and any(device.slots > 1 for device in settings.pool.devices)
    return unknown_classes(entries, settings, memory=True) if shared else []


def probe(specs: Sequence[RunSpec], executor: str, settings: SchedulerSettings) -> None:
    """Run the probes, as many at once as runs would go on; a class whose probe fails stays unknown."""
    planned = {spec: list(_parts(spec)) for spec in specs}
    # with a history of its own: what part of the images takes is no measured run
    policy = FaultPolicy(timeout=settings.policy.timeout)
    beside = replace(
        settings, pool=settings.pool.empty(), history=History(settings.history.machine), first=(), policy=policy
    )
    workers = registry.load("executors", executor).Executor(settings.config)
    with TemporaryDirectory(prefix="dcbench-probe-") as place:
        folders = {part: RunDir(Path(place) / part.run_id) for parts in planned.values() for part, _ in parts}
        entries = [PlannedRun(part, folder, RunState()) for part, folder in folders.items()]
        try:
            deque(Loop(entries, workers, beside).outcomes(), maxlen=0)
        finally:
            workers.close()
        for spec, parts in planned.items():
            found = [(share, cost) for part, share in parts if (cost := measure_cost(folders[part]))]
            if parts and len(found) == len(parts):
                settings.history.foresee(spec, _whole(found))


def _parts(spec: RunSpec) -> Iterator[tuple[RunSpec, float]]:
    """The specs to run, the largest first, each with its share of the images."""
    images, tested = count_training_images(spec), _test_images(spec)
    if images is None or tested is None:
        return
    short = {"epochs": min(1, spec.epochs)}
    smallest = max(spec.k, spec.pca_dim or 0)
    large, small = max(LARGE, 2 * smallest), max(SMALL, smallest)
    if images <= 1.5 * large:
        yield spec.model_copy(update=short), 1.0
        return
    for count in (large, small):
        share = count / images
        part = {"limit": count, "test_limit": max(1, round(tested * share))}
        yield spec.model_copy(update=short | part), share


def _test_images(spec: RunSpec) -> int | None:
    held = registry.facts("datasets", spec.dataset).get("test")
    return held if spec.test_limit is None or held is None else min(spec.test_limit, int(held))


def _whole(found: list[tuple[float, MeasuredCost]]) -> MeasuredCost:
    """What all images cost: the line through the two probes at 1, never less than the larger of them."""

    def at_one(name: str) -> float | None:
        points = [(share, getattr(cost, name)) for share, cost in found]
        if any(value is None for _, value in points):
            return None
        (large, more), (small, less) = points[0], points[-1]
        slope = max(0.0, (more - less) / (large - small)) if large > small else 0.0
        return float(more + slope * (1 - large))

    return MeasuredCost(at_one("start"), at_one("row"), at_one("memory_mb"))
