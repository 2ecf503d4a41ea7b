"""What finished runs cost, and what a run like them will cost.

In: the run folders under a results root: their state, provenance.json and metrics.csv are the only store. Out: for
a spec the time and memory that runs of its class took on a machine like this one, or None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from dcbench.core import devices
from dcbench.core.columns import STAGES
from dcbench.core.devices import Gpu
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import ResultsError

COST_FIELDS = (
    "method", "dataset", "limit", "test_limit", "image_size", "arch", "width", "k", "batch_size", "augment",
    "pca_backend", "whiten_backend", "kmeans_backend", "pca_dim", "kmeans_iterations", "kmeans_restarts", "precision",
)  # fmt: skip
"""Fields that decide what an epoch costs: runs that agree in them are of one class. Epochs only multiply."""

SAMPLES = 32
"""Runs of a class that are read, at the most."""

COSTS = ("peak_memory_mb", *(f"seconds_{stage}" for stage in STAGES))
"""Columns of metrics.csv that tell what a run cost."""

MARGIN = 1.1
"""Reserved over what was measured."""

CostClass = tuple[Any, ...]

Key = tuple[CostClass, int]
"""A class, and the epochs of a run."""


def cost_class(spec: RunSpec) -> CostClass:
    """The values that decide what an epoch of the run costs."""
    return tuple(getattr(spec, name) for name in COST_FIELDS)


def key_of(spec: RunSpec) -> Key:
    """What a run's cost is looked up by."""
    return cost_class(spec), spec.epochs


@dataclass(frozen=True)
class Machine:
    """Where times are comparable: the device's name and, on a CPU, its threads a run."""

    device: str
    cpu: str
    threads: int

    @property
    def on_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.device != "cpu"

    def timed_alike(self, facts: Mapping[str, Any]) -> bool:
        """Whether a run with this provenance took the time that it would take here."""
        if self.on_gpu:
            return facts.get("device") == self.device
        return [facts.get(name) for name in ("device", "cpu", "threads")] == ["cpu", self.cpu, self.threads]

    def sized_alike(self, facts: Mapping[str, Any]) -> bool:
        """Whether it took the memory that it would take here."""
        return (facts.get("device") != "cpu") == self.on_gpu


def machine(config: WorkerConfig, gpus: Sequence[Gpu]) -> Machine:
    """The machine that the options describe."""
    return Machine(gpus[0].name if gpus else "cpu", devices.read_cpu_name(), config.threads)


@dataclass(frozen=True)
class MeasuredCost:
    """One run: seconds of all but the rows from 1 on, seconds of such a row, peak memory (MB); None where unknown."""

    start: float | None = None
    row: float | None = None
    memory_mb: float | None = None


@dataclass(frozen=True)
class ExpectedCost:
    """What a run will cost; None where nothing is known. `source` says whence."""

    seconds: float | None = None
    memory_mb: float | None = None
    source: str = ""


def measure_cost(folder: RunDir) -> MeasuredCost | None:
    """What a finished run cost; None when its files do not tell, or when it took several attempts."""
    state = folder.read_state()
    if state.name != "done" or state.seconds is None:
        return None
    with suppress(ResultsError, ValueError):
        rows = list(folder.read_columns(COSTS))
        if not any(map(any, rows)):
            return None
        taken = [sum(map(float, filter(None, seconds))) for _, *seconds in rows[1:]]
        peak = [float(row[0]) for row in rows if row[0]]
        each = sum(taken) / len(taken) if taken else None
        return MeasuredCost(max(0.0, state.seconds - sum(taken)), each, max(peak, default=None))
    return None


@dataclass
class History:
    """What is known of each class on one machine, and what a class needs at the least since it ran out of memory."""

    machine: Machine
    known: dict[CostClass, list[MeasuredCost]] = field(default_factory=dict)
    probed: set[CostClass] = field(default_factory=set)
    at_least: dict[CostClass, float] = field(default_factory=dict)
    _expected: dict[Key, ExpectedCost] = field(default_factory=dict)

    def read(self, root: Path, wanted: Iterable[CostClass]) -> None:
        """Learn the wanted classes from every run folder under `root`."""
        asked = set(wanted)
        for state_file in sorted(root.glob("*/*/state.json")):
            folder = RunDir(state_file.parent)
            with suppress(ResultsError):
                self._learn(folder, folder.read_provenance(), asked)

    def learn(self, folder: RunDir, spec: RunSpec) -> None:
        """Learn from a run that has just ended."""
        with suppress(ResultsError):
            self._learn(folder, folder.read_provenance(), {cost_class(spec)})

    def _learn(self, folder: RunDir, facts: dict[str, Any], wanted: set[CostClass]) -> None:
        told = facts.get("spec")
        if not isinstance(told, dict) or "earlier_attempts" in facts:
            return
        kind = tuple(told.get(name, RunSpec.model_fields[name].default) for name in COST_FIELDS)
        if kind not in wanted or not self.machine.sized_alike(facts) or len(self.known.get(kind, ())) >= SAMPLES:
            return
        found = measure_cost(folder)
        if found is None:
            return
        if not self.machine.timed_alike(facts):
            found = MeasuredCost(memory_mb=found.memory_mb)
        self._expected.clear()
        if kind in self.probed:
            self.probed.remove(kind)
            del self.known[kind]
        self.known.setdefault(kind, []).append(found)

    def foresee(self, spec: RunSpec, probe: MeasuredCost) -> None:
        """Take what a short probe says of a class, until a run of it has been measured."""
        kind = cost_class(spec)
        if kind not in self.known:
            self._expected.clear()
            self.known[kind] = [probe]
            self.probed.add(kind)

    def ran_out(self, spec: RunSpec, reserved_mb: float) -> None:
        """Remember that so much was too little for the class."""
        kind = cost_class(spec)
        self._expected.clear()
        self.at_least[kind] = max(self.at_least.get(kind, 0.0), reserved_mb * 1.5)

    def expect(self, key: Key) -> ExpectedCost:
        """Median time and largest memory of the class, the memory with its margin."""
        if key not in self._expected:
            self._expected[key] = self._expect(*key)
        return self._expected[key]

    def _expect(self, kind: CostClass, epochs: int) -> ExpectedCost:
        runs = self.known.get(kind, [])
        start = [run.start for run in runs if run.start is not None]
        row = [run.row for run in runs if run.row is not None]
        seconds = None
        if start and (row or not epochs):
            seconds = median(start) + (epochs * median(row) if row else 0.0)
        peaks = [run.memory_mb for run in runs if run.memory_mb is not None]
        memory = max(peaks) * MARGIN + (devices.HEADROOM_MB if self.machine.on_gpu else 0.0) if peaks else None
        if kind in self.at_least:
            memory = max(memory or 0.0, self.at_least[kind])
        return ExpectedCost(seconds, memory, self._source(kind, runs))

    def _source(self, kind: CostClass, runs: list[MeasuredCost]) -> str:
        if kind in self.probed:
            return "probe"
        timed = sum(run.start is not None for run in runs)
        return f"{timed} run{'s' if timed > 1 else ''}" if timed else ""
