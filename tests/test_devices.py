import pytest

from dcbench import devices
from dcbench.devices import Gpu, _visible
from dcbench.errors import DeviceError

TWO = [Gpu(0, "GPU-aaaa"), Gpu(1, "GPU-bbbb")]


def test_cuda_visible_devices_narrows_the_list_as_cuda_would():
    assert _visible(TWO, None) == TWO
    assert _visible(TWO, "1") == TWO[1:]
    assert _visible(TWO, "GPU-b,GPU-aaaa") == TWO[::-1]
    assert _visible(TWO, "") == []
    assert _visible(TWO, "0,-1,1") == TWO[:1]
    assert _visible(TWO, "MIG-x") == [Gpu(-1, "MIG-x")]
    assert _visible(TWO, "7") == []


def test_resolve(monkeypatch):
    monkeypatch.setattr(devices, "gpus", lambda: TWO)
    assert devices.resolve("cpu") == ("cpu", ())
    assert devices.resolve("auto") == ("cuda", tuple(TWO))
    assert devices.resolve("cuda:1") == ("cuda", (TWO[1],))
    with pytest.raises(DeviceError, match="no such GPU"):
        devices.resolve("cuda:2")
    monkeypatch.setattr(devices, "gpus", list)
    assert devices.resolve("auto") == ("cpu", ())
    with pytest.raises(DeviceError, match="use --device cpu"):
        devices.resolve("cuda")


@pytest.mark.parametrize("word", ["gpu", "cuda:x", "auto:1x", ""])
def test_unknown_devices_are_told(word):
    with pytest.raises(DeviceError, match="Known: auto, cpu, cuda"):
        devices.resolve(word)


def test_precision_follows_the_device():
    assert (devices.default_precision("cpu"), devices.default_precision("cuda")) == ("float32", "bfloat16")


def test_cores_and_gpus_of_this_machine():
    assert devices.cores() >= 1
    assert all(gpu.uuid for gpu in devices.gpus())
