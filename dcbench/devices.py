"""This machine's cores and GPUs, listed without touching a GPU and without torch.

NVML lists the devices; `CUDA_VISIBLE_DEVICES` narrows them as it would for CUDA in PCI bus order.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from dcbench.errors import DeviceError


@dataclass(frozen=True)
class Gpu:
    """One GPU: its index as NVML orders them (by PCI bus), and its UUID."""

    index: int
    uuid: str


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[Gpu]:
    """The GPUs that CUDA would see; none where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        found = [Gpu(index, pynvml.nvmlDeviceGetUUID(handle)) for index, handle in enumerate(handles)]
    finally:
        pynvml.nvmlShutdown()
    return _visible(found, os.environ.get("CUDA_VISIBLE_DEVICES"))


def _visible(found: list[Gpu], setting: str | None) -> list[Gpu]:
    """The GPUs that a value of CUDA_VISIBLE_DEVICES names: indices, UUIDs or their beginnings, up to the first -1."""
    if setting is None:
        return found
    chosen: list[Gpu] = []
    for word in (word.strip() for word in setting.split(",")):
        if word == "-1":
            break
        match = [gpu for gpu in found if word == str(gpu.index) or (word and gpu.uuid.startswith(word))]
        # a slice of a GPU (MIG) is in no list of whole ones; CUDA knows it by this name
        chosen += match[:1] or ([Gpu(-1, word)] if word.startswith("MIG-") else [])
    return chosen


def resolve(device: str) -> tuple[str, tuple[Gpu, ...]]:
    """`auto`, `cpu`, `cuda` or `cuda:N` -> `cpu` or `cuda`, and the GPUs to use."""
    if device == "cpu":
        return "cpu", ()
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cuda") or (index and not index.isdigit()):
        raise DeviceError(f"--device {device}: unknown device. Known: auto, cpu, cuda, cuda:N")
    found = gpus()
    if index:
        found = [gpu for gpu in found if gpu.index == int(index)]
    if not found and kind == "auto":
        return "cpu", ()
    if not found:
        raise DeviceError(f"--device {device}: no such GPU is visible to NVML here; use --device cpu")
    return "cuda", tuple(found)


def default_precision(kind: str) -> str:
    """What `precision: auto` means on a device of this kind."""
    return "bfloat16" if kind == "cuda" else "float32"
