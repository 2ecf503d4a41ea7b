"""The table in docs/packing.csv: `python -m benchmarks.packing` writes it, and it comes out the same here."""

from pathlib import Path

import pytest

from benchmarks import packing
from tests.helpers.simulation import CARD_MB, simulate

COMMITTED = Path(packing.TABLE).read_text().splitlines()


def test_the_table_has_both_ways_of_sharing_and_one_run_a_card():
    assert len(COMMITTED) == 4 and COMMITTED[0] == packing.HEADER


@pytest.mark.parametrize("number", range(len(packing.CASES)))
def test_four_cards_are_filled_to_within_a_tenth_of_the_least_time_and_never_overfilled(tmp_path, number):
    case = packing.CASES[number]
    found = simulate(tmp_path, case.packed, case.slowdown)
    assert packing.line(case, found) == COMMITTED[1 + number], "write the table anew: python -m benchmarks.packing"
    assert found.fullest <= CARD_MB / 1000
    if case.packed:
        assert found.least <= found.minutes <= 1.1 * found.least
    else:
        assert found.most_at_once == 1
