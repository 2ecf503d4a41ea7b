from dataclasses import replace

import pytest

from dcbench.analysis.summary import analyse
from dcbench.report.html import coverage as module
from dcbench.report.html.coverage import coverage, squares_of
from tests.helpers.analyses import FULL, made

TEXT = """name: m
axes: {dataset: [mnist, cifar10], optimizer: [sgd, adam]}
seeds: [3, 1]
settings: {epochs: 1}
exclude: [{dataset: mnist, optimizer: adam}]
"""


def test_headers_span_what_they_have_in_common_and_seeds_are_innermost():
    found = coverage(analyse(made(FULL)))
    assert found.rows == ["dataset", "arch", "input_channels"]
    assert found.columns == ["optimizer", "top_optimizer", "backend", "seed"]
    assert found.heads[0] == [("sgd", 12), ("adam", 12)] and found.heads[3] == [("0", 1), ("1", 1), ("2", 1)] * 8
    assert [heads for heads, _ in found.lines[:4]] == [
        [("mnist", 6), ("alexnet", 3), ("3", 1)], [None, None, ("2", 1)], [None, None, ("1", 1)],
        [None, ("vgg16", 3), ("3", 1)],
    ]  # fmt: skip
    assert len(found.lines) == 12 and all(len(cells) == 24 for _, cells in found.lines)


def test_every_planned_run_is_one_square_with_its_number():
    found = coverage(analyse(made(FULL, failed=[0, 5])))
    squares = [one for _, cells in found.lines for cell in cells for one in cell]
    assert sorted(one.number for one in squares) == list(range(1, 289))
    assert [one.number for one in squares if one.state == "failed"] == [1, 6]


def test_cells_that_are_not_planned_are_empty_and_seeds_in_order():
    found = coverage(analyse(made(TEXT)))
    assert found.columns == ["dataset", "optimizer", "seed"] and found.rows == []
    assert [heads for heads, _ in found.lines] == [[]] and found.heads[0] == [("mnist", 2), ("cifar10", 4)]
    assert found.heads[2] == [("1", 1), ("3", 1)] * 3 and len(found.lines[0][1]) == 6


def test_a_matrix_with_more_columns_than_fit_goes_into_rows(monkeypatch):
    monkeypatch.setattr(module, "WIDEST", 3)
    found = coverage(analyse(made(TEXT)))
    assert found.columns == ["seed"] and found.rows == ["dataset", "optimizer"]
    assert [heads for heads, _ in found.lines] == [
        [("mnist", 1), ("sgd", 1)], [("cifar10", 2), ("sgd", 1)], [None, ("adam", 1)],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "state", "why"),
    [
        ({"health": "healthy"}, "done", ""),
        ({"health": "collapsed", "health_why": "feature rank 1.01"}, "collapsed", "feature rank 1.01"),
        ({"state": "failed", "kind": "out_of_memory", "reason": "no room"}, "failed", "out of memory: no room"),
        ({"state": "skipped", "kind": None, "reason": "needs CUDA"}, "skipped", "needs CUDA"),
        ({"state": "pending", "kind": None, "reason": "", "health": None}, "pending", ""),
    ],
)
def test_a_square_says_how_its_run_stands_and_why(facts, state, why):
    found = made(TEXT)
    told = analyse(replace(found, runs=found.runs.assign(**facts)))
    assert {(one.state, one.why) for one in squares_of(told)} == {(state, why)}
