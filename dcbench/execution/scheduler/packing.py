"""What fits where: devices, their slots, and the memory reserved on them.

In: the memory that each run will need. Out: the device where it may start now, or None. Memory is reserved before a
run starts, so that two that start at once can never overfill a card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dcbench.core import devices
from dcbench.core.devices import Gpu


@dataclass
class Device:
    """A GPU by its UUID, or the CPU (empty), with its memory (MB), how many runs it takes, and who is there.

    `runs` says what is reserved for each (MB); `closed` while a run has it for itself. `look` tells what other programs
    leave of the memory, where that can change; `most_mb` is the most that they have left.
    """

    gpu: str
    memory_mb: float
    slots: int
    runs: dict[Path, float] = field(default_factory=dict)
    closed: bool = False
    look: Callable[[], float | None] | None = None
    most_mb: float = 0.0

    def __post_init__(self) -> None:
        self.most_mb = max(self.most_mb, self.memory_mb)

    @property
    def free_mb(self) -> float:
        """Memory that nobody has reserved."""
        return self.memory_mb - sum(self.runs.values())

    def takes(self, memory_mb: float) -> bool:
        """Whether a run of this need may start here now, beside those that are here."""
        return not self.closed and len(self.runs) < self.slots and memory_mb <= self.free_mb

    def look_again(self) -> None:
        """Take note of what other programs hold by now; only while nobody of ours is here to be mistaken for them."""
        if self.look is not None and not self.runs and (free := self.look()) is not None:
            self.memory_mb, self.most_mb = free, max(self.most_mb, free)

    def whole(self, alone_mb: float) -> bool:
        """Whether a run may have it for itself now: nobody of ours is here, and at least so much memory is free."""
        return not self.runs and self.memory_mb >= alone_mb


ALIKE = 0.9
"""Devices with this part of the largest one's memory count as large as it."""


class Pool:
    """The devices of this machine, or of a simulation."""

    def __init__(self, found: Iterable[Device]) -> None:
        self.devices = list(found)

    def place(
        self, run: Path, memory_mb: float | None, alone: bool = False, held: Device | None = None, force: bool = False
    ) -> Device | None:
        """Reserve a place on the device with the most free memory, but not on the `held` one; None where there is none.

        What is not known to fit beside others has a GPU for itself, a large one; a CPU's runs of unknown need share
        its slots. What needs more than any device has may try its luck alone. With `force` a run takes an empty
        device also when other programs hold more of it than they did.
        """
        needed = memory_mb or 0.0
        own = force or self.needs_its_own(memory_mb, alone)
        enough = 0.0 if force else ALIKE * max(device.most_mb for device in self.devices)
        fitting = [one for one in self.devices if (one.whole(enough) if own else one.takes(needed))]
        chosen = max((one for one in fitting if one is not held), key=lambda device: device.free_mb, default=None)
        if chosen is not None:
            chosen.closed = own
            chosen.runs[run] = chosen.memory_mb if own else needed
        return chosen

    def needs_its_own(self, memory_mb: float | None, alone: bool = False) -> bool:
        """Whether such a run must have a device for itself."""
        unknown = memory_mb is None and self.on_gpus
        return alone or unknown or (memory_mb or 0.0) > max(device.most_mb for device in self.devices)

    def hold(self) -> Device:
        """The device to keep free for a run that must have one for itself: the large one nearest to that."""
        most = max(device.most_mb for device in self.devices)
        return min((one for one in self.devices if one.most_mb >= ALIKE * most), key=lambda device: len(device.runs))

    @property
    def idle(self) -> bool:
        """Whether a device has no run at all."""
        return any(not device.runs for device in self.devices)

    def look_again(self) -> None:
        """Take note of what other programs hold of the devices that are idle."""
        for device in self.devices:
            device.look_again()

    def spread(self, threads: int) -> None:
        """Let no more runs be at once than there are cores for so many threads each."""
        most = max(1, devices.count_cores() // (threads * len(self.devices)))
        for device in self.devices:
            device.slots = min(device.slots, most)

    def release(self, run: Path) -> None:
        """Give the run's place back."""
        device = self.device_of(run)
        del device.runs[run]
        device.closed = False

    def device_of(self, run: Path) -> Device:
        """Where the run is."""
        return next(device for device in self.devices if run in device.runs)

    def empty(self) -> Pool:
        """The same devices with nobody there."""
        return Pool(Device(device.gpu, device.memory_mb, device.slots) for device in self.devices)

    def unshared(self) -> Pool:
        """The same devices with nobody there, each for one run at a time."""
        return Pool(Device(device.gpu, device.memory_mb, 1) for device in self.devices)

    def share(self, memory_mb: float | None) -> float:
        """The part of a device that a run takes, of its slots or of its memory: whichever is more."""
        largest = max(self.devices, key=lambda device: device.memory_mb)
        return max(1 / largest.slots, min(1.0, (memory_mb or 0.0) / largest.memory_mb))

    @property
    def on_gpus(self) -> bool:
        """Whether the devices are GPUs."""
        return any(device.gpu for device in self.devices)

    @property
    def full(self) -> bool:
        """Whether no device takes another run."""
        return all(device.closed or len(device.runs) >= device.slots for device in self.devices)


def make_pool(gpus: Sequence[Gpu], jobs: int) -> Pool:
    """These GPUs, or the CPU if there are none, with what other programs leave of their memory now."""
    if not gpus:
        return Pool([Device("", devices.read_memory_mb(), jobs)])
    slots = max(1, jobs // len(gpus))
    return Pool(Device(gpu.uuid, gpu.free_mb, slots, look=partial(devices.read_free_mb, gpu.uuid)) for gpu in gpus)


def threads_each(pool: Pool, needs: Iterable[float | None]) -> int:
    """CPU threads of a run on a GPU: the cores, shared by as many as the slots and the smallest need let be at once."""
    smallest = min((need for need in needs if need), default=0.0)
    fitting = [int(device.memory_mb // smallest) if smallest else 1 for device in pool.devices]
    at_once = sum(max(1, min(device.slots, fit)) for device, fit in zip(pool.devices, fitting, strict=True))
    return max(1, devices.count_cores() // at_once)
