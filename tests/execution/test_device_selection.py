import pytest

from dcbench.core import devices
from dcbench.errors import DeviceError
from dcbench.execution.device_selection import count_jobs


def test_jobs_at_once(monkeypatch):
    monkeypatch.setattr(devices, "count_cores", lambda: 16)
    at_once = count_jobs
    assert at_once(100, 0, None, None) == 16 and at_once(3, 0, None, None) == 3 and at_once(100, 0, 5, None) == 5
    assert at_once(100, 2, None, None) == 16 and at_once(100, 3, None, None) == 15 and at_once(100, 2, None, 3) == 6
    assert at_once(0, 0, None, None) == 1 and at_once(0, 16, None, None) == 16
    for wrong, told in (((9, 0, 17, None), "16 cores"), ((9, 2, None, 9), "16 cores"), ((9, 1, 2, None), "per-gpu"),
                        ((9, 0, None, 2), "give --jobs")):  # fmt: skip
        with pytest.raises(DeviceError, match=told):
            at_once(*wrong)
