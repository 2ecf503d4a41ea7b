"""The statistics agree with a known truth: docs/coverage.csv, which `python -m benchmarks.coverage` writes."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import coverage
from benchmarks.simulated_matrices import DATASETS, Case, correct_holm, simulate
from dcbench.analysis.statistics import effects
from dcbench.analysis.statistics.effects import Outcome

COMMITTED = coverage.TABLE.read_text().splitlines()
SCORE = Outcome(name="score", better="higher", margin=coverage.MARGIN)


def test_the_table_has_a_row_for_every_case():
    assert COMMITTED[0] == ",".join(coverage.HEADER) and len(COMMITTED) == 1 + len(coverage.CASES)


def test_intervals_cover_the_truth_and_verdicts_are_rarely_wrong():
    table = pd.read_csv(coverage.TABLE)
    assert table["95 % interval covers"].between(0.93, 0.97).all()
    assert table["covers within a dataset"].between(0.93, 0.97).all()
    assert table["other cells' interval covers"].between(0.93, 0.99).all()
    assert (table["matrices with a wrong difference"] <= 0.075).all()
    assert (table["wrong equivalence"] <= 0.06).all()
    # What three seeds cannot do is as much a result as what they can.
    measured = table[table["deviations"] == "measured"].set_index(["cells", "seeds"])
    assert (measured["finds 0.04"] > 0.9).all() and (measured["finds 0.02"].xs(3, level="seeds") < 0.7).all()
    assert (measured.xs(10, level="seeds")["finds 0.02"] > 0.98).all()


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 3, 8, 29])
def test_the_simulation_gives_the_committed_rows(number):
    case = coverage.CASES[number]
    row = coverage.format_row(case, coverage.measure(case))
    assert row == COMMITTED[1 + number], "to update: python -m benchmarks.coverage"


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_simulation_judges_as_the_report_does_from_a_frame(seeds):
    simulated = simulate(Case(cells=24, seeds=seeds, situation="measured"), 4, np.random.default_rng(seeds))
    means, errors = coverage.estimate(simulated.differences)
    count = len(DATASETS)
    parts = [coverage.estimate([each[..., place::count] for each in simulated.differences]) for place in range(count)]
    is_same, is_different = coverage.judge(means, errors, parts)
    p_values = 2 * errors.tail(np.abs(means))
    for matrix in range(4):
        names = ["seed", "first", "second", "third", "dataset"]
        values = [range(seeds), range(3), range(2), range(2), DATASETS]
        index = pd.MultiIndex.from_product(values, names=names)
        frame = pd.Series(simulated.scores[matrix].ravel(), index, name="score").reset_index()
        axes = dict(zip(names[1:], map(list, values[1:]), strict=True))
        frame = frame.sample(frac=1, random_state=0).reset_index(drop=True)
        pooled = effects.tabulate_effects(frame, axes, [SCORE], [], conditions={"dataset"})
        choices = {name: values for name, values in axes.items() if name != "dataset"}
        outcomes = {dataset: [SCORE] for dataset in DATASETS}
        within = effects.tabulate_effects_by_group(frame, "dataset", choices, outcomes, [])
        rows = effects.require_same_in_each_group(pooled, within, [SCORE])
        rows = rows[rows["axis"] != "dataset"]
        assert rows["mean"].tolist() == pytest.approx(means[matrix])
        assert rows["p"].tolist() == pytest.approx(p_values[matrix])
        assert rows["p_holm"].tolist() == pytest.approx(correct_holm(p_values)[matrix])
        assert (rows["high"] - rows["mean"]).tolist() == pytest.approx(errors.half_width(0.95)[matrix])
        assert (rows["verdict"] == "same").tolist() == is_same[matrix].tolist()
        assert rows["verdict"].isin(["better", "worse"]).tolist() == is_different[matrix].tolist()
