"""The page's tables of the rulers and of the noise floor."""

import numpy as np
import pytest

from dcbench.analysis.summary import analyse
from dcbench.core.columns import RULERS
from dcbench.report.html.page_tables import tabulate_gains, tabulate_noise_floor
from dcbench.report.numbers import format_difference, format_number
from tests.helpers.analyses import make_results

TEXT = """name: m
axes: {dataset: [mnist, cifar10], input_channels: [3, 1]}
seeds: [0, 1, 2]
settings: {epochs: 2}
"""


@pytest.fixture
def analysis():
    """An analysis of runs that every ruler scored."""
    results = make_results(TEXT)
    rng = np.random.default_rng(0)
    for ruler in RULERS.values():
        results.rows[ruler.column] = 0.5 + 0.1 * results.rows["epoch"] + 0.01 * rng.normal(size=len(results.rows))
    return analyse(results)


def test_the_table_of_gains_has_a_row_for_each_dataset_and_ruler(analysis):
    table = tabulate_gains(analysis)
    assert [tuple(row[:2]) for row in table.rows] == [
        (name, ruler) for name in ("mnist", "cifar10") for ruler in RULERS
    ]
    for row, gain in zip(table.rows, analysis.gains.to_dict("records"), strict=True):
        assert row[2] == RULERS[gain["ruler"]].help
        assert row[3:6] == [*map(format_number, (gain["untrained"], gain["trained"])), format_difference(gain["gain"])]
        assert row[6] == f"{format_difference(gain['low'])} to {format_difference(gain['high'])}"
        assert row[7:] == ["6", "3"]
    assert all(len(row) == len(table.head) for row in table.rows)


def test_the_table_of_the_noise_floor_names_only_datasets_with_twins(analysis):
    table = tabulate_noise_floor(analysis)
    assert [row[:2] for row in table.rows] == [["mnist", ruler] for ruler in RULERS]
    assert [row[3:] for row in table.rows] == [["3", format_number(floor)] for floor in analysis.noise_floor["floor"]]


def test_runs_from_before_the_rulers_have_rows_for_what_scored_them():
    table = tabulate_gains(analyse(make_results(TEXT)))
    assert {row[1] for row in table.rows} == {"own", "refit"}
