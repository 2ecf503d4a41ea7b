"""The simulation gives the table in docs/packing.csv, which `python -m benchmarks.packing` writes."""

from pathlib import Path

import pytest

from benchmarks import packing
from tests.helpers.simulation import CARD_MB, simulate

COMMITTED = Path(packing.TABLE).read_text().splitlines()


def test_the_table_has_a_row_for_every_case():
    assert len(COMMITTED) == 4 and COMMITTED[0] == packing.HEADER


@pytest.mark.parametrize("number", range(len(packing.CASES)))
def test_packing_is_within_10_percent_of_the_lower_bound_and_never_overfills_a_card(tmp_path, number):
    case = packing.CASES[number]
    simulated = simulate(tmp_path, case.packed, case.slowdown)
    assert packing.format_row(case, simulated) == COMMITTED[1 + number], "to update: python -m benchmarks.packing"
    assert simulated.fullest <= CARD_MB / 1000
    if case.packed:
        assert simulated.least <= simulated.minutes <= 1.1 * simulated.least
    else:
        assert simulated.most_at_once == 1
