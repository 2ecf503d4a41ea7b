"""Decide which waiting run comes first, and which device has room for it.

Memory is reserved before a run starts, so that two runs that start together cannot overfill a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dcbench.core import devices
from dcbench.core.devices import Gpu
from dcbench.core.spec import SECTION_FIELDS, RunSpec, format_value, list_matrix_fields
from dcbench.errors import SpecError, unknown_name
from dcbench.execution.scheduler.history import ExpectedCost

# --- order ----------------------------------------------------------------------------------

CellFilter = dict[str, str]
"""Field -> value as text; selects the runs that agree in all fields."""


def parse_filters(texts: Sequence[str], specs: Sequence[RunSpec]) -> list[CellFilter]:
    """Parse the values of --first, like `dataset=mnist,arch=vgg16`.

    SpecError for an unknown field, and for a filter that selects none of the planned runs.
    """
    filters = []
    fields = [*list_matrix_fields(), *SECTION_FIELDS]
    for text in texts:
        pairs = [pair.partition("=") for pair in text.split(",")]
        for name, equals, _ in pairs:
            if not equals:
                raise SpecError(f"--first {text}: expected field=value[,field=value...], not {name!r}")
            if name not in fields:
                raise SpecError(f"--first {text}: {unknown_name('field', name, fields)}")
        cells = {name: value for name, _, value in pairs}
        if not any(is_selected(spec, [cells]) for spec in specs):
            planned = {name: dict.fromkeys(format_value(getattr(spec, name)) for spec in specs) for name in cells}
            values = "; ".join(f"{name}: {', '.join(each)}" for name, each in planned.items())
            raise SpecError(f"--first {text}: matches no planned run. The planned values are {values}")
        filters.append(cells)
    return filters


def is_selected(spec: RunSpec, filters: Sequence[CellFilter]) -> bool:
    """Return whether any of the filters selects the run."""
    return any(all(format_value(getattr(spec, name)) == value for name, value in cells.items()) for cells in filters)


def urgency(
    spec: RunSpec, cost: ExpectedCost, share: Callable[[float | None], float], first: Sequence[CellFilter]
) -> tuple[bool, bool, float]:
    """Return a sort key that puts the most urgent run first; runs with equal keys keep the plan's order.

    First come the cells that the user chose, then runs of unknown cost, because measuring them helps to place all
    others, then the longest: a long run that starts last would delay the end of the matrix. The length is the time
    multiplied by `share`, the part of a device that a run of this memory takes.
    """
    weight = (cost.seconds or 0.0) * share(cost.memory_mb)
    return not is_selected(spec, first), cost.seconds is not None, -weight


# --- devices --------------------------------------------------------------------------------

SIMILAR = 0.9
"""A device with at least this fraction of the largest device's memory counts as equally large."""


@dataclass(kw_only=True)
class Device:
    """A GPU or the CPU, and the runs on it."""

    gpu: str
    """UUID of the GPU; empty for the CPU."""
    memory_mb: float
    """Memory (MB) that runs may reserve: what other programs leave."""
    slots: int
    """How many runs it takes at once."""
    runs: dict[Path, float] = field(default_factory=dict)
    """Memory (MB) reserved for each run on it."""
    exclusive: bool = False
    """Whether its run has it alone."""
    read_free_mb: Callable[[], float | None] | None = None
    """Returns the memory (MB) that no program uses now, None if unknown; None for a device where it cannot change."""
    most_mb: float = 0.0
    """Largest value that `memory_mb` has had."""

    def __post_init__(self) -> None:
        self.most_mb = max(self.most_mb, self.memory_mb)

    @property
    def free_mb(self) -> float:
        """Memory (MB) that is not reserved."""
        return self.memory_mb - sum(self.runs.values())

    @property
    def full(self) -> bool:
        """Whether it takes no further run, however small."""
        return self.exclusive or len(self.runs) >= self.slots

    def refresh_memory(self) -> None:
        """Update the memory that other programs leave, unless a run is here, whose own memory would count as theirs."""
        if self.read_free_mb is not None and not self.runs and (free_mb := self.read_free_mb()) is not None:
            self.memory_mb, self.most_mb = free_mb, max(self.most_mb, free_mb)


class Pool:
    """The devices of this machine, or of a simulated one."""

    def __init__(self, members: Iterable[Device]) -> None:
        self.devices = list(members)

    def place(
        self,
        run: Path,
        memory_mb: float | None,
        exclusive: bool = False,
        avoid: Device | None = None,
        force: bool = False,
    ) -> Device | None:
        """Reserve room for a run on the device with the most free memory; return None if no device has room.

        Parameters
        ----------
        run : the run's folder.
        memory_mb : memory that it needs (MB); None if unknown.
        exclusive : whether it must have a device alone.
        avoid : a device that is being cleared for another run.
        force : accept any empty device, even if other programs use more of it than they did before.
        """
        exclusive = force or self.needs_own_device(memory_mb, exclusive)
        needed_mb = memory_mb or 0.0
        if exclusive:
            # Wait for a large device: the need of the run is unknown, or larger than any device.
            least_mb = 0.0 if force else SIMILAR * self._largest_mb
            candidates = [device for device in self.devices if not device.runs and device.memory_mb >= least_mb]
        else:
            candidates = [device for device in self.devices if not device.full and needed_mb <= device.free_mb]
        candidates = [device for device in candidates if device is not avoid]
        device = max(candidates, key=lambda device: device.free_mb, default=None)
        if device is not None:
            device.exclusive = exclusive
            device.runs[run] = device.memory_mb if exclusive else needed_mb
        return device

    def needs_own_device(self, memory_mb: float | None, exclusive: bool = False) -> bool:
        """Return whether such a run must have a device alone.

        On a GPU a run of unknown need must, because it could take its neighbours' memory. On the CPU such runs share
        the slots.
        """
        unknown = memory_mb is None and self.on_gpus
        return exclusive or unknown or (memory_mb or 0.0) > self._largest_mb

    def choose_to_clear(self) -> Device:
        """Return the large device with the fewest runs, which will be free first for a run that needs it alone."""
        large = [device for device in self.devices if device.most_mb >= SIMILAR * self._largest_mb]
        return min(large, key=lambda device: len(device.runs))

    def refresh_memory(self) -> None:
        """Update the memory of each device without a run."""
        for device in self.devices:
            device.refresh_memory()

    def limit_slots(self, threads: int) -> None:
        """Lower the slots so that runs with this many threads each do not exceed the CPU cores."""
        most_slots = max(1, devices.count_cores() // (threads * len(self.devices)))
        for device in self.devices:
            device.slots = min(device.slots, most_slots)

    def release(self, run: Path) -> None:
        """Free what is reserved for the run."""
        device = self.get_device(run)
        del device.runs[run]
        device.exclusive = False

    def get_device(self, run: Path) -> Device:
        """Return the device that the run is on."""
        return next(device for device in self.devices if run in device.runs)

    def copy_empty(self, slots: int | None = None) -> Pool:
        """Return the same devices without runs, with this many slots each if given."""
        return Pool(
            Device(gpu=device.gpu, memory_mb=device.memory_mb, slots=slots or device.slots) for device in self.devices
        )

    def share(self, memory_mb: float | None) -> float:
        """Return the fraction of a device that a run takes: of its slots or of its memory, whichever is larger."""
        largest = max(self.devices, key=lambda device: device.memory_mb)
        return max(1 / largest.slots, min(1.0, (memory_mb or 0.0) / largest.memory_mb))

    def count_threads(self, needs_mb: Iterable[float | None]) -> int:
        """Return the CPU threads for each run on a GPU: the cores divided by the largest number of runs at once."""
        smallest_mb = min((need_mb for need_mb in needs_mb if need_mb), default=0.0)
        fitting = [int(device.memory_mb // smallest_mb) if smallest_mb else 1 for device in self.devices]
        at_once = sum(max(1, min(device.slots, fit)) for device, fit in zip(self.devices, fitting, strict=True))
        return max(1, devices.count_cores() // at_once)

    @property
    def _largest_mb(self) -> float:
        return max(device.most_mb for device in self.devices)

    @property
    def on_gpus(self) -> bool:
        """Whether the devices are GPUs."""
        return any(device.gpu for device in self.devices)

    @property
    def idle(self) -> bool:
        """Whether any device has no run at all."""
        return any(not device.runs for device in self.devices)

    @property
    def full(self) -> bool:
        """Whether no device takes another run."""
        return all(device.full for device in self.devices)


def make_pool(gpus: Sequence[Gpu], jobs: int) -> Pool:
    """Return a pool of these GPUs with `jobs` slots in all, or of the CPU if there are none."""
    if not gpus:
        return Pool([Device(gpu="", memory_mb=devices.read_memory_mb(), slots=jobs)])
    slots = max(1, jobs // len(gpus))  # limited by the cores; `place` limits further, by memory
    return Pool(
        Device(gpu=gpu.uuid, memory_mb=gpu.free_mb, slots=slots, read_free_mb=partial(devices.read_free_mb, gpu.uuid))
        for gpu in gpus
    )
