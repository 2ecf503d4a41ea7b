"""List the cores, memory and GPUs of this machine, without torch and without initialising a GPU.

NVML lists the GPUs; `CUDA_VISIBLE_DEVICES` restricts them as it does for CUDA in PCI bus order.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dcbench.errors import DeviceError

DeviceKind = Literal["cpu", "cuda"]

HEADROOM_MB = 1000.0
"""GPU memory outside of torch's allocations: the CUDA context with all kernels, and the scratch memory of faiss."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, or one slice (MIG) of it."""

    index: int
    """Index in NVML's order, which is by PCI bus; a slice has the index of its GPU."""
    uuid: str
    """UUID of the GPU or slice, as CUDA_VISIBLE_DEVICES accepts it."""
    name: str = ""
    memory_mb: float = 0.0
    used_mb: float = 0.0
    """Memory (MB) that processes had allocated when the GPU was listed."""

    @property
    def free_mb(self) -> float:
        """Memory (MB) that no process had allocated."""
        return self.memory_mb - self.used_mb


def count_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    # A container or a batch system may allow fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def list_gpus() -> list[Gpu]:
    """Return the GPUs that CUDA would see, or none without a driver; a GPU in slices (MIG) is listed as its slices."""
    with _open_nvml() as nvml:
        if nvml is None:
            return []
        gpus: list[Gpu] = []
        for index in range(nvml.nvmlDeviceGetCount()):
            # NVML still counts a card that fell off the bus, and fails on its handle.
            with suppress(nvml.NVMLError):
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                gpus += _list_slices(nvml, index, handle) or [_read_gpu(nvml, index, handle)]
    return select_visible(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))


def read_free_mb(uuid: str) -> float | None:
    """Return the memory of a GPU that is free now, in MB, or None where NVML does not say."""
    with _open_nvml() as nvml:
        if nvml is None:
            return None
        with suppress(nvml.NVMLError):
            return _read_gpu(nvml, 0, nvml.nvmlDeviceGetHandleByUUID(uuid)).free_mb
        return None


@contextmanager
def _open_nvml() -> Iterator[Any]:
    """Yield the initialised NVML library, or None where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _read_gpu(nvml: Any, index: int, handle: Any) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        index=index,
        uuid=nvml.nvmlDeviceGetUUID(handle),
        name=nvml.nvmlDeviceGetName(handle),
        memory_mb=round(memory.total / 1e6, 1),
        used_mb=round(memory.used / 1e6, 1),
    )


def _list_slices(nvml: Any, index: int, handle: Any) -> list[Gpu]:
    """Return the slices of a GPU; none where MIG is off or unknown to the card."""
    slices: list[Gpu] = []
    with suppress(nvml.NVMLError):
        if nvml.nvmlDeviceGetMigMode(handle)[0] == nvml.NVML_DEVICE_MIG_ENABLE:
            for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
                # The maximum counts slots for slices; an empty slot has no handle.
                with suppress(nvml.NVMLError):
                    slices.append(_read_gpu(nvml, index, nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)))
    return slices


def select_visible(gpus: list[Gpu], visible: str | None) -> list[Gpu]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names by index, UUID or the first letters of a UUID; all if unset."""
    if visible is None:
        return gpus
    selected: list[Gpu] = []
    for word in (word.strip() for word in visible.split(",")):
        matches = [gpu for gpu in gpus if word == str(gpu.index) or (word and gpu.uuid.startswith(word))]
        # CUDA ignores everything behind the first word that names no GPU.
        if not matches:
            break
        # All slices of a GPU have its index; an ambiguous UUID takes the first GPU only.
        selected += [gpu for gpu in (matches if word.isdigit() else matches[:1]) if gpu not in selected]
    return selected


def resolve_device(device: str, gpus: str = "all") -> tuple[DeviceKind, tuple[Gpu, ...]]:
    """Return the kind of device to compute on, and the GPUs to use; raise DeviceError if this machine lacks them.

    `device` is the value of --device: `auto`, `cpu`, `cuda` or `cuda:N`; `gpus` that of --gpus: `all` or `0,2`.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (kind != "cuda" and index) or (index and not index.isdigit()):
        raise DeviceError(f"--device {device}: unknown device. Known: auto, cpu, cuda, cuda:N")
    if gpus != "all" and (kind == "cpu" or index):
        raise DeviceError(f"--gpus {gpus} and --device {device} contradict each other; leave one of them out")
    if kind == "cpu":
        return "cpu", ()
    visible = list_gpus()
    if gpus != "all":
        visible_indices = list(dict.fromkeys(str(gpu.index) for gpu in visible))
        indices = list(dict.fromkeys(word.strip() for word in gpus.split(",")))
        if unknown := [word for word in indices if word not in visible_indices]:
            raise DeviceError(
                f"--gpus {gpus}: no GPU {unknown[0]!r}; visible here: {', '.join(visible_indices) or 'none'}. "
                "Give all, or indices like 0,2"
            )
        # Several entries of `visible` have one index where a GPU is in slices.
        return "cuda", tuple(gpu for word in indices for gpu in visible if str(gpu.index) == word)
    if index:
        visible = [gpu for gpu in visible if gpu.index == int(index)]
    if not visible and kind == "auto":
        return "cpu", ()
    if not visible:
        raise DeviceError(f"--device {device}: no such GPU is visible to NVML here; use --device cpu")
    return "cuda", tuple(visible)


def read_cpu_name() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def read_memory_mb() -> float:
    """Return the memory of this machine in MB, or the limit of the container that this process runs in."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()) / 1e6)
    except (OSError, ValueError):  # outside of a container the file is missing, or says "max"
        return total


def count_oom_kills() -> int:
    """Return how many processes the kernel has killed for lack of memory since boot; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def memory_fraction(reserved_mb: float, total_mb: float) -> float:
    """Return the fraction of a GPU's memory, from 0 to 1, that torch may allocate for a run with this reservation."""
    return min(1.0, max(0.0, reserved_mb - HEADROOM_MB) / total_mb)


def choose_precision(kind: str) -> str:
    """Return what `precision: auto` means on this kind of device."""
    return "bfloat16" if kind == "cuda" else "float32"
