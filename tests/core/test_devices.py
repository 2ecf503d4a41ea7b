import os
import sys
from types import SimpleNamespace

import pytest

from dcbench.core import devices
from dcbench.core.devices import Gpu, select_visible
from dcbench.errors import DeviceError

TWO = [Gpu(index=0, uuid="GPU-aaaa"), Gpu(index=1, uuid="GPU-bbbb")]


def test_cuda_visible_devices_selects_gpus_as_cuda_does():
    assert select_visible(TWO, None) == TWO
    assert select_visible(TWO, "1") == TWO[1:]
    assert select_visible(TWO, "GPU-b,GPU-aaaa") == TWO[::-1]
    assert select_visible(TWO, "") == []
    assert select_visible(TWO, "0,-1,1") == TWO[:1]
    assert select_visible([Gpu(index=0, uuid="MIG-a"), Gpu(index=0, uuid="MIG-b")], "MIG-b") == [
        Gpu(index=0, uuid="MIG-b")
    ]
    assert select_visible(TWO, "MIG-gone") == [] == select_visible(TWO, "7,0")
    assert select_visible(TWO, "0,0") == TWO[:1]
    assert select_visible(TWO, "7") == []


def test_resolve_device_gives_the_kind_and_the_gpus(monkeypatch):
    monkeypatch.setattr(devices, "list_gpus", lambda: TWO)
    assert devices.resolve_device("cpu") == ("cpu", ())
    assert devices.resolve_device("auto") == ("cuda", tuple(TWO))
    assert devices.resolve_device("cuda:1") == ("cuda", (TWO[1],))
    with pytest.raises(DeviceError, match="no such GPU"):
        devices.resolve_device("cuda:2")
    assert devices.resolve_device("auto", "0,1,0") == ("cuda", tuple(TWO)) and devices.resolve_device("cuda", "1") == (
        "cuda",
        (TWO[1],),
    )
    with pytest.raises(DeviceError, match=r"--gpus 0,5: no GPU '5'; visible here: 0, 1"):
        devices.resolve_device("auto", "0,5")
    for device in ("cpu", "cuda:1"):
        with pytest.raises(DeviceError, match="contradict"):
            devices.resolve_device(device, "0")
    monkeypatch.setattr(devices, "list_gpus", list)
    with pytest.raises(DeviceError, match="visible here: none"):
        devices.resolve_device("auto", "0")
    assert devices.resolve_device("auto") == ("cpu", ())
    with pytest.raises(DeviceError, match="use --device cpu"):
        devices.resolve_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "auto:1x", ""])
def test_unknown_devices_are_errors(name):
    with pytest.raises(DeviceError, match="Known: auto, cpu, cuda"):
        devices.resolve_device(name)


def test_the_precision_depends_on_the_device():
    assert (devices.choose_precision("cpu"), devices.choose_precision("cuda")) == ("float32", "bfloat16")


def test_the_cores_of_this_machine_are_counted():
    assert 1 <= devices.count_cores() <= os.cpu_count()


def test_memory_and_oom_kills_of_this_machine_are_read(monkeypatch, tmp_path):
    assert 500 < devices.read_memory_mb() < 1e8 and devices.read_cpu_name()
    assert devices.count_oom_kills() >= 0
    monkeypatch.setattr(devices, "Path", lambda name: tmp_path / "x")
    assert devices.count_oom_kills() == 0, "without /proc nothing is counted"
    (tmp_path / "x").write_text("nr_free_pages 1\noom_kill 3\n")
    assert devices.count_oom_kills() == 3
    (tmp_path / "x").write_text("1000000000")
    assert devices.read_memory_mb() == 1000, "the limit of a container"
    (tmp_path / "x").write_text("max")
    assert devices.read_memory_mb() > 500


class FakeNvml:
    """An NVML with a whole card, a card in two MIG slices, and a lost card."""

    NVMLError = RuntimeError
    NVML_DEVICE_MIG_ENABLE = 1

    def __init__(self, driver=True):
        self.driver, self.open = driver, 0

    def nvmlInit(self):  # noqa: N802
        if not self.driver:
            raise RuntimeError("no driver")
        self.open += 1

    def nvmlShutdown(self):  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self):  # noqa: N802
        return 3

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        if index == 2:
            raise RuntimeError("GPU is lost")
        return f"GPU-{index}"

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        if uuid == "GPU-9":
            raise RuntimeError("not found")
        return uuid

    def nvmlDeviceGetMigMode(self, handle):  # noqa: N802
        if handle == "GPU-0":
            raise RuntimeError("not supported")
        return (1, 1)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, number):  # noqa: N802
        if number > 1:
            raise RuntimeError("not found")
        return f"MIG-{number}"

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        return SimpleNamespace(total=80e9 if handle.startswith("GPU") else 10e9, used=5e9)

    def nvmlDeviceGetUUID(self, handle):  # noqa: N802
        return handle

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return "Card"


def test_cards_and_mig_slices_are_listed_and_lost_cards_are_left_out(monkeypatch):
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    whole, *slices = devices.list_gpus()
    assert whole == Gpu(index=0, uuid="GPU-0", name="Card", memory_mb=80_000, used_mb=5_000) and whole.free_mb == 75_000
    assert slices == [
        Gpu(index=1, uuid="MIG-0", name="Card", memory_mb=10_000, used_mb=5_000),
        Gpu(index=1, uuid="MIG-1", name="Card", memory_mb=10_000, used_mb=5_000),
    ]
    assert devices.resolve_device("auto", "1") == ("cuda", tuple(slices)), "all slices of the card"
    assert devices.read_free_mb("GPU-0") == 75_000 and devices.read_free_mb("GPU-9") is None
    assert nvml.open == 0
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(driver=False))
    assert devices.list_gpus() == [] and devices.read_free_mb("GPU-0") is None


def test_the_memory_fraction_of_torch_leaves_out_the_headroom():
    assert devices.memory_fraction(41_000, 80_000) == 0.5
    assert devices.memory_fraction(500, 80_000) == 0.0 and devices.memory_fraction(90_000, 80_000) == 1.0


@pytest.mark.gpu
def test_nvml_and_torch_agree_on_the_name_of_a_card():
    import torch

    assert devices.list_gpus()[0].name == torch.cuda.get_device_name(0), "the history of costs compares names"
