import os

import pytest

from dcbench import spread


def doubled(numbers):
    return [2 * number for number in numbers], os.getpid()


@pytest.mark.parametrize("rows", [0, spread.WORTH])
def test_parts_come_back_in_order_from_here_or_from_other_processes(rows):
    numbers = list(range(2 * spread.PART + 1))
    parts = list(spread.spread(doubled, numbers, rows))
    assert [len(part) for part, _ in parts] == [spread.PART, spread.PART, 1]
    assert [number for part, _ in parts for number in part] == [2 * number for number in numbers]
    assert (os.getpid() in {process for _, process in parts}) == (rows == 0 or os.cpu_count() == 1)


def test_nothing_to_do_is_nothing():
    assert list(spread.spread(doubled, [], 0)) == []


def test_what_a_part_raises_is_raised_here():
    with pytest.raises(TypeError):
        list(spread.spread(doubled, [None], spread.WORTH))
