import pytest

from dcbench import screens


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (75, "1 min 15 s"), (7260, "2 h 01 min")]
)
def test_durations(seconds, told):
    assert screens.duration(seconds) == told
