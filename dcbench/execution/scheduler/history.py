"""Predict the time and memory of a run from finished runs of its class on a machine like this one.

The costs are read from the state.json, provenance.json and metrics.csv of these runs; there is no other store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from dcbench.core import devices
from dcbench.core.columns import STAGES
from dcbench.core.devices import Gpu
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.text import plural
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import ResultsError

COST_FIELDS = (
    "method", "dataset", "limit", "test_limit", "image_size", "arch", "width", "k", "batch_size", "augment",
    "pca_backend", "whiten_backend", "kmeans_backend", "pca_dim", "kmeans_iterations", "kmeans_restarts", "precision",
)  # fmt: skip
"""Fields that determine the cost of an epoch; runs that agree in them are of one class."""

SAMPLES = 32
"""Largest number of runs of a class that are read."""

COST_COLUMNS = ("peak_memory_mb", *(f"seconds_{stage}" for stage in STAGES))
"""Columns of metrics.csv with the cost of a run."""

MARGIN = 1.1
"""Factor from the largest measured memory to the memory that is reserved."""

CostClass = tuple[Any, ...]
"""Values of COST_FIELDS."""

CostKey = tuple[CostClass, int]
"""A class of runs, and their number of epochs."""


def get_cost_class(spec: RunSpec) -> CostClass:
    """Return the values that determine the cost of an epoch of the run."""
    return tuple(getattr(spec, name) for name in COST_FIELDS)


def get_cost_key(spec: RunSpec) -> CostKey:
    """Return the key under which a run's cost is predicted."""
    return get_cost_class(spec), spec.epochs


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What run times depend on: the name of the GPU, or `cpu` with the name of the CPU and the threads of a run."""

    device: str
    cpu: str
    threads: int

    @property
    def has_gpu(self) -> bool:
        """Whether runs compute on a GPU."""
        return self.device != "cpu"

    def has_same_speed(self, provenance: Mapping[str, Any]) -> bool:
        """Return whether the times of a run with this provenance hold for this machine."""
        if self.has_gpu:
            return provenance.get("device") == self.device
        return [provenance.get(name) for name in ("device", "cpu", "threads")] == ["cpu", self.cpu, self.threads]

    def has_same_memory_use(self, provenance: Mapping[str, Any]) -> bool:
        """Return whether its memory holds for this machine: all GPUs count as equal, and so do all CPUs."""
        return (provenance.get("device") != "cpu") == self.has_gpu


def describe_machine(config: WorkerConfig, gpus: Sequence[Gpu]) -> Machine:
    """Return the machine on which workers with this configuration compute."""
    return Machine(device=gpus[0].name if gpus else "cpu", cpu=devices.read_cpu_name(), threads=config.threads)


@dataclass(frozen=True, kw_only=True)
class MeasuredCost:
    """The measured cost of a run; each value is None if unknown.

    `row`: seconds of one row of metrics.csv from row 1 on, that is, of one epoch. `start`: seconds of everything else:
    imports, reading the data, row 0. `memory_mb`: peak memory.
    """

    start: float | None = None
    row: float | None = None
    memory_mb: float | None = None


@dataclass(frozen=True, kw_only=True)
class ExpectedCost:
    """The predicted cost of a run; each value is None if unknown. `source` is what the prediction is based on."""

    seconds: float | None = None
    memory_mb: float | None = None
    source: str = ""


def read_cost(folder: RunDir) -> MeasuredCost | None:
    """Return the cost of a finished run, or None if the run is not done or its files do not tell."""
    state = folder.read_state()
    if state.name != "done" or state.seconds is None:
        return None
    with suppress(ResultsError, ValueError):
        rows = list(folder.read_columns(COST_COLUMNS))
        if not any(map(any, rows)):  # a file of another version may have none of these columns
            return None
        seconds = [sum(map(float, filter(None, stages))) for _, *stages in rows[1:]]
        peaks = [float(row[0]) for row in rows if row[0]]
        per_row = sum(seconds) / len(seconds) if seconds else None
        return MeasuredCost(
            start=max(0.0, state.seconds - sum(seconds)), row=per_row, memory_mb=max(peaks, default=None)
        )
    return None


class History:
    """The costs of runs of each class on one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.costs: dict[CostClass, list[MeasuredCost]] = {}
        self._probed: set[CostClass] = set()  # classes whose only cost is that of a probe
        self._least_mb: dict[CostClass, float] = {}  # lower bounds, from runs that were out of memory
        self._predictions: dict[CostKey, ExpectedCost] = {}

    def read_results(self, results: Path, classes: Iterable[CostClass]) -> None:
        """Add the costs of these classes from every run folder under `results`."""
        classes = set(classes)
        for state_file in sorted(results.glob("*/*/state.json")):
            self._add(RunDir(state_file.parent), classes)

    def add_run(self, folder: RunDir, spec: RunSpec) -> None:
        """Add the cost of a run that has just ended."""
        self._add(folder, {get_cost_class(spec)})

    def _add(self, folder: RunDir, classes: set[CostClass]) -> None:
        """Add the run's cost if it is of one of these classes and comparable with runs on this machine."""
        try:
            provenance = folder.read_provenance()
        except ResultsError:
            return
        values = provenance.get("spec")
        # The state holds the seconds of the last attempt only, so a resumed run says nothing about a whole one.
        if not isinstance(values, dict) or "earlier_attempts" in provenance:
            return
        # The spec of an older version lacks the newest fields; their defaults are what that version did.
        cost_class = tuple(values.get(name, RunSpec.model_fields[name].default) for name in COST_FIELDS)
        if cost_class not in classes or not self.machine.has_same_memory_use(provenance):
            return
        if len(self.costs.get(cost_class, ())) >= SAMPLES or (cost := read_cost(folder)) is None:
            return
        if not self.machine.has_same_speed(provenance):
            cost = MeasuredCost(memory_mb=cost.memory_mb)
        self._predictions.clear()
        if cost_class in self._probed:  # a measured run replaces the probe's estimate
            self._probed.remove(cost_class)
            del self.costs[cost_class]
        self.costs.setdefault(cost_class, []).append(cost)

    def add_probe(self, spec: RunSpec, cost: MeasuredCost) -> None:
        """Use the cost that a short probe measured until a run of the class has finished."""
        cost_class = get_cost_class(spec)
        if cost_class not in self.costs:
            self._predictions.clear()
            self.costs[cost_class] = [cost]
            self._probed.add(cost_class)

    def add_out_of_memory(self, spec: RunSpec, reserved_mb: float) -> None:
        """Note that this much memory was not enough for the class."""
        cost_class = get_cost_class(spec)
        self._predictions.clear()
        # The factor is a guess: the run ended before it reached its peak.
        self._least_mb[cost_class] = max(self._least_mb.get(cost_class, 0.0), reserved_mb * 1.5)

    def predict(self, key: CostKey) -> ExpectedCost:
        """Return the median time and the largest memory of the class, the latter with a margin."""
        # Cached, because the scheduler asks for every waiting run at every change, and many runs share a key.
        if key not in self._predictions:
            cost_class, epochs = key
            costs = self.costs.get(cost_class, [])
            starts = [cost.start for cost in costs if cost.start is not None]
            rows = [cost.row for cost in costs if cost.row is not None]
            peaks = [cost.memory_mb for cost in costs if cost.memory_mb is not None]
            seconds = memory_mb = None
            if starts and (rows or not epochs):
                seconds = median(starts) + (epochs * median(rows) if rows else 0.0)
            if peaks:
                memory_mb = max(peaks) * MARGIN + (devices.HEADROOM_MB if self.machine.has_gpu else 0.0)
            if cost_class in self._least_mb:
                memory_mb = max(memory_mb or 0.0, self._least_mb[cost_class])
            source = plural(len(starts), "run") if starts else ""
            if cost_class in self._probed:
                source = "probe"
            self._predictions[key] = ExpectedCost(seconds=seconds, memory_mb=memory_mb, source=source)
        return self._predictions[key]
