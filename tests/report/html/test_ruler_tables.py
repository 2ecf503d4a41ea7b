"""The page's tables of the rulers and of the noise floor."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dcbench.analysis.summary import analyse
from dcbench.core.columns import RULERS
from dcbench.report.html.page_tables import tabulate_gains, tabulate_noise_floor, tabulate_over_pixels
from dcbench.report.numbers import format_difference, format_number
from tests.helpers.analyses import make_results
from tests.helpers.learning import pixels

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
        assert row[3] == gain["verdict"] == "raised"
        assert row[4:7] == [*map(format_number, (gain["untrained"], gain["trained"])), format_difference(gain["gain"])]
        assert row[7] == f"{format_difference(gain['low'])} to {format_difference(gain['high'])}"
        assert float(row[8]) == pytest.approx(gain["p_holm"], rel=0.05)
        assert row[9:] == ["2 × 3", "6 of 6"]
    assert all(len(row) == len(table.head) for row in table.rows)
    head = dict(zip(table.head, table.rows[0], strict=True))
    assert (head["untrained"], head["verdict"], head["runs"]) == (table.rows[0][4], "raised", "6 of 6")


def test_the_table_of_pixels_has_their_score_and_the_distance_to_it(analysis):
    assert tabulate_over_pixels(analysis).rows == [], "there is no baseline"
    scores = dict.fromkeys((ruler.column for ruler in RULERS.values()), 0.4)
    baselines = pd.DataFrame([pixels(seed=seed, **scores) for seed in (0, 1, 2)])
    compared = analyse(replace(analysis.results, baselines=baselines))
    table = tabulate_over_pixels(compared)
    assert [tuple(row[:2]) for row in table.rows] == [("mnist", ruler) for ruler in RULERS if ruler != "own"]
    for row, lead in zip(table.rows, compared.over_pixels.to_dict("records"), strict=True):
        assert row[3:5] == ["above", "0.400"] and row[6] == format_difference(lead["trained"] - 0.4)
    assert table.head[4] == "pixels" and all(len(row) == len(table.head) for row in table.rows)


def test_the_table_of_the_noise_floor_names_only_datasets_with_twins(analysis):
    table = tabulate_noise_floor(analysis)
    assert [row[:2] for row in table.rows] == [["mnist", ruler] for ruler in RULERS]
    for row, floor in zip(table.rows, analysis.noise_floor.to_dict("records"), strict=True):
        assert row[3:7] == ["channels", "yes", "3", "3"]
        assert row[7:] == [format_number(floor["rms"]), format_number(floor["floor"])]
    assert all(len(row) == len(table.head) for row in table.rows)


def test_runs_from_before_the_rulers_have_rows_for_what_scored_them():
    table = tabulate_gains(analyse(make_results(TEXT)))
    assert {row[1] for row in table.rows} == {"own", "refit"}
