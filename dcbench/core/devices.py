"""This machine's cores, memory and GPUs, listed without touching a GPU and without torch.

NVML lists the devices; `CUDA_VISIBLE_DEVICES` narrows them as it would for CUDA in PCI bus order.
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
"""Taken on a GPU beside torch's allocations: the CUDA context with the libraries' kernels, faiss's scratch memory."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU: its index as NVML orders them (by PCI bus), UUID, name, its memory and what is taken of it (MB)."""

    index: int
    uuid: str
    name: str = ""
    memory_mb: float = 0.0
    used_mb: float = 0.0

    @property
    def free_mb(self) -> float:
        """Memory (MB) that nobody has taken."""
        return self.memory_mb - self.used_mb


def count_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def list_gpus() -> list[Gpu]:
    """The GPUs that CUDA would see; none where there is no driver. A GPU in slices (MIG) is its slices."""
    with _nvml() as nvml:
        if nvml is None:
            return []
        found = []
        for index in range(nvml.nvmlDeviceGetCount()):
            with suppress(nvml.NVMLError):  # a card that fell off the bus is none
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                found += _slices(nvml, index, handle) or [_gpu(nvml, index, handle)]
        return _visible(found, os.environ.get("CUDA_VISIBLE_DEVICES"))


def read_free_mb(uuid: str) -> float | None:
    """Memory (MB) of a GPU that nobody has taken now; None where NVML does not say."""
    with _nvml() as nvml:
        if nvml is None:
            return None
        with suppress(nvml.NVMLError):
            return _gpu(nvml, 0, nvml.nvmlDeviceGetHandleByUUID(uuid)).free_mb
        return None


@contextmanager
def _nvml() -> Iterator[Any]:
    """The NVML library while the block runs; None where there is no driver."""
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


def _gpu(nvml: Any, index: int, handle: Any) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    uuid, name = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle)
    return Gpu(
        index=index, uuid=uuid, name=name, memory_mb=round(memory.total / 1e6, 1), used_mb=round(memory.used / 1e6, 1)
    )


def _slices(nvml: Any, index: int, handle: Any) -> list[Gpu]:
    """The slices of a GPU that is in slices; each has the index of the whole."""
    found: list[Gpu] = []
    with suppress(nvml.NVMLError):
        if nvml.nvmlDeviceGetMigMode(handle)[0] == nvml.NVML_DEVICE_MIG_ENABLE:
            for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
                with suppress(nvml.NVMLError):
                    found.append(_gpu(nvml, index, nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)))
    return found


def _visible(found: list[Gpu], setting: str | None) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES names: indices, UUIDs or their beginnings, up to the first that is none."""
    if setting is None:
        return found
    chosen: list[Gpu] = []
    for word in (word.strip() for word in setting.split(",")):
        match = [gpu for gpu in found if word == str(gpu.index) or (word and gpu.uuid.startswith(word))]
        if not match:
            break
        chosen += [gpu for gpu in (match if word.isdigit() else match[:1]) if gpu not in chosen]
    return chosen


def resolve_device(device: str, chosen: str = "all") -> tuple[str, tuple[Gpu, ...]]:
    """`auto`, `cpu`, `cuda` or `cuda:N`, and `all` or indices like `0,2` -> `cpu` or `cuda`, and the GPUs to use."""
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (kind != "cuda" and index) or (index and not index.isdigit()):
        raise DeviceError(f"--device {device}: unknown device. Known: auto, cpu, cuda, cuda:N")
    if chosen != "all" and (kind == "cpu" or index):
        raise DeviceError(f"--gpus {chosen} and --device {device} contradict each other; leave one of them out")
    if kind == "cpu":
        return "cpu", ()
    found = list_gpus()
    if chosen != "all":
        return "cuda", _chosen(found, chosen)
    if index:
        found = [gpu for gpu in found if gpu.index == int(index)]
    if not found and kind == "auto":
        return "cpu", ()
    if not found:
        raise DeviceError(f"--device {device}: no such GPU is visible to NVML here; use --device cpu")
    return "cuda", tuple(found)


def _chosen(found: list[Gpu], words: str) -> tuple[Gpu, ...]:
    """The GPUs of the given indices, each once."""
    here = list(dict.fromkeys(str(gpu.index) for gpu in found))
    picked = list(dict.fromkeys(word.strip() for word in words.split(",")))
    if unknown := [word for word in picked if word not in here]:
        told = ", ".join(here) or "none"
        raise DeviceError(f"--gpus {words}: no GPU {unknown[0]!r}; visible here: {told}. Give all, or indices like 0,2")
    return tuple(gpu for word in picked for gpu in found if str(gpu.index) == word)


def read_cpu_name() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def read_memory_mb() -> float:
    """Memory of this machine (MB), less where the container that this process runs in may have less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()) / 1e6)
    except (OSError, ValueError):  # no such file, or "max"
        return total


def count_oom_kills() -> int:
    """How many processes the kernel has killed since it started because memory ran out; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def memory_fraction(reserved_mb: float, total_mb: float) -> float:
    """The part of a GPU's memory that torch may take of what was reserved, the headroom left out; from 0 to 1."""
    return min(1.0, max(0.0, reserved_mb - HEADROOM_MB) / total_mb)


def choose_precision(kind: str) -> str:
    """What `precision: auto` means on a device of this kind."""
    return "bfloat16" if kind == "cuda" else "float32"
