import pytest

from dcbench.core import devices
from dcbench.errors import DeviceError
from dcbench.execution.device_selection import count_jobs, make_single_config


def test_a_single_process_gets_the_first_gpu_that_was_chosen(monkeypatch, tmp_path):
    gpus = [devices.Gpu(index=index, uuid=f"GPU-{index}") for index in range(2)]
    monkeypatch.setattr(devices, "list_gpus", lambda: gpus)
    config = make_single_config("cuda:1", tmp_path, threads=3)
    assert (config.device, config.gpu, config.threads, config.data_dir) == ("cuda", "GPU-1", 3, tmp_path)
    assert (make_single_config("cpu", None).device, make_single_config("cpu", None).gpu) == ("cpu", "")


def test_the_number_of_jobs_follows_cores_gpus_and_options(monkeypatch):
    monkeypatch.setattr(devices, "count_cores", lambda: 16)
    assert [count_jobs(*options) for options in ((100, 0, None, None), (3, 0, None, None), (100, 0, 5, None))] == [
        16, 3, 5,
    ]  # fmt: skip
    assert [count_jobs(*options) for options in ((100, 2, None, None), (100, 3, None, None), (100, 2, None, 3))] == [
        16, 15, 6,
    ]  # fmt: skip
    assert count_jobs(0, 0, None, None) == 1 and count_jobs(0, 16, None, None) == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((9, 0, 17, None), "16 cores"),
        ((9, 2, None, 9), "16 cores"),
        ((9, 1, 2, None), "per-gpu"),
        ((9, 0, None, 2), "give --jobs"),
    ],
)
def test_impossible_numbers_of_jobs_are_refused(monkeypatch, options, message):
    monkeypatch.setattr(devices, "count_cores", lambda: 16)
    with pytest.raises(DeviceError, match=message):
        count_jobs(*options)
