"""Estimate the cost of runs of a class by short runs: probes.

A probe is a run by the same worker, of one epoch on a part of the images, in a temporary folder. Time and memory have a
fixed part (imports, reading files, the eigenvectors of the PCA) and one that grows with the images, so the costs of two
probes are extrapolated linearly to all images.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
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
from dcbench.execution.scheduler.history import (
    CostClass,
    History,
    MeasuredCost,
    get_cost_class,
    get_cost_key,
    read_cost,
)
from dcbench.execution.scheduler.loop import Loop
from dcbench.execution.scheduler.settings import SchedulerSettings

LARGE, SMALL = 4096, 1024
"""Training images of the two probes. A class with not many more than LARGE images is probed once, with all of them."""


def find_unknown_classes(
    entries: Sequence[PlannedRun], settings: SchedulerSettings, memory: bool = False
) -> list[RunSpec]:
    """Return one spec of each class whose time is unknown, or with `memory`, whose memory is unknown."""
    specs: dict[CostClass, RunSpec] = {}
    # A run without epochs has no epoch to time, so prefer any other run of its class.
    for entry in sorted(entries, key=lambda entry: not entry.spec.epochs):
        cost = settings.history.predict(get_cost_key(entry.spec))
        if (cost.memory_mb if memory else cost.seconds) is None:
            specs.setdefault(get_cost_class(entry.spec), entry.spec)
    return list(specs.values())


def find_classes_to_probe(entries: Sequence[PlannedRun], settings: SchedulerSettings) -> list[RunSpec]:
    """Return one spec of each class whose memory must be probed: those of unknown memory, if runs may share a GPU."""
    shared = settings.pool.on_gpus and any(device.slots > 1 for device in settings.pool.devices)
    return find_unknown_classes(entries, settings, memory=True) if shared else []


def run_probes(specs: Sequence[RunSpec], executor: str, settings: SchedulerSettings) -> None:
    """Probe the classes of these specs and add their costs to the history; failed probes add nothing."""
    probes = {spec: plan_probes(spec) for spec in specs}
    # With a history of their own: a run on a part of the images must not count as a measured run.
    own_settings = replace(
        settings,
        pool=settings.pool.copy_empty(),
        history=History(settings.history.machine),
        policy=FaultPolicy(timeout=settings.policy.timeout),
        first=(),
    )
    workers = registry.load("executors", executor).Executor(settings.config)
    with TemporaryDirectory(prefix="dcbench-probe-") as root:
        folders = {probe: RunDir(Path(root) / probe.run_id) for pair in probes.values() for probe, _ in pair}
        entries = [PlannedRun(spec=probe, folder=folder, state=RunState()) for probe, folder in folders.items()]
        try:
            deque(Loop(entries, workers, own_settings).run(), maxlen=0)  # runs to the end and keeps no event
        finally:
            workers.close()
        for spec, pair in probes.items():
            costs = [(share, cost) for probe, share in pair if (cost := read_cost(folders[probe]))]
            if pair and len(costs) == len(pair):
                settings.history.add_probe(spec, extrapolate(costs))


def plan_probes(spec: RunSpec) -> list[tuple[RunSpec, float]]:
    """Return the specs to run, the largest first, each with its share of the images; none if the size is unknown."""
    images, test_images = count_training_images(spec), registry.facts("datasets", spec.dataset).get("test")
    if images is None or test_images is None:
        return []
    if spec.test_limit is not None:
        test_images = min(spec.test_limit, test_images)
    epochs = min(1, spec.epochs)
    least_images = max(spec.k, spec.pca_dim or 0)  # k-means and PCA need at least this many images
    large, small = max(LARGE, 2 * least_images), max(SMALL, least_images)
    if images <= 1.5 * large:
        return [(spec.model_copy(update={"epochs": epochs}), 1.0)]
    probes = []
    for count in (large, small):
        share = count / images
        changes = {"epochs": epochs, "limit": count, "test_limit": max(1, round(test_images * share))}
        probes.append((spec.model_copy(update=changes), share))
    return probes


def extrapolate(costs: Sequence[tuple[float, MeasuredCost]]) -> MeasuredCost:
    """Extrapolate the cost of one or two shares of the images, the larger share first, to all images."""

    def at_all_images(name: str) -> float | None:
        points = [(share, getattr(cost, name)) for share, cost in costs]
        if any(value is None for _, value in points):
            return None
        (large, large_cost), (small, small_cost) = points[0], points[-1]
        # More images never cost less, whatever the noise.
        slope = max(0.0, (large_cost - small_cost) / (large - small)) if large > small else 0.0
        return float(large_cost + slope * (1 - large))

    return MeasuredCost(start=at_all_images("start"), row=at_all_images("row"), memory_mb=at_all_images("memory_mb"))
