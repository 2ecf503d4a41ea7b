import pytest

from dcbench.core import console


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (75, "1 min 15 s"), (7260, "2 h 01 min")]
)
def test_durations(seconds, told):
    assert console.duration(seconds) == told
