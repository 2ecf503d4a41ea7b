from dataclasses import replace

import pytest

from dcbench.analysis.coverage_map import lay_out_coverage
from dcbench.analysis.summary import analyse
from tests.helpers.analyses import FULL, make_results

TEXT = """name: m
axes: {dataset: [mnist, cifar10], optimizer: [sgd, adam]}
seeds: [3, 1]
settings: {epochs: 1}
exclude: [{dataset: mnist, optimizer: adam}]
"""


def spans(headers):
    return [(header.value, header.span) for header in headers]


def headers_of_rows(layout):
    """Return the value and the span of each header that starts at a row; None where an earlier header spans it."""
    places = [layout.rows.headers_at(row) for row in range(layout.rows.length)]
    return [[header and (header.value, header.span) for header in headers] for headers in places]


def test_headers_span_their_cells_and_seeds_are_innermost():
    layout = lay_out_coverage(analyse(make_results(FULL)))
    assert layout.rows.axes == ("dataset", "arch", "input_channels")
    assert layout.columns.axes == ("optimizer", "top_optimizer", "backend", "seed")
    assert spans(layout.columns.headers[0]) == [("sgd", 12), ("adam", 12)]
    assert spans(layout.columns.headers[3]) == [(0, 1), (1, 1), (2, 1)] * 8
    assert headers_of_rows(layout)[:4] == [
        [("mnist", 6), ("alexnet", 3), (3, 1)], [None, None, (2, 1)], [None, None, (1, 1)],
        [None, ("vgg16", 3), (3, 1)],
    ]  # fmt: skip
    assert layout.rows.length == 12 and layout.columns.length == 24
    assert len(layout.cells) == 12 and all(len(cells) == 24 for cells in layout.cells)


def test_every_planned_run_has_a_square_with_its_index_in_the_plan():
    layout = lay_out_coverage(analyse(make_results(FULL, failed=[0, 5])))
    squares = [square for line in layout.cells for cell in line for square in cell]
    assert sorted(square.run for square in squares) == list(range(288)) and len(layout.squares) == 288
    assert [square.run for square in squares if square.state == "failed"] == [0, 5]


def test_cells_that_are_not_planned_are_empty_and_seeds_in_order():
    layout = lay_out_coverage(analyse(make_results(TEXT)))
    assert layout.columns.axes == ("dataset", "optimizer", "seed") and layout.rows.axes == ()
    assert headers_of_rows(layout) == [[]]
    assert spans(layout.columns.headers[0]) == [("mnist", 2), ("cifar10", 4)]
    assert spans(layout.columns.headers[2]) == [(1, 1), (3, 1)] * 3 and len(layout.cells[0]) == 6


def test_values_are_in_the_order_of_the_axis():
    layout = lay_out_coverage(analyse(make_results(TEXT.replace("optimizer: adam}", "optimizer: sgd}"))))
    assert spans(layout.columns.headers[1]) == [("adam", 2), ("sgd", 2), ("adam", 2)]


def test_a_wide_map_is_folded_into_rows():
    layout = lay_out_coverage(analyse(make_results(TEXT)), 3)
    assert layout.columns.axes == ("seed",) and layout.rows.axes == ("dataset", "optimizer")
    assert headers_of_rows(layout) == [
        [("mnist", 1), ("sgd", 1)], [("cifar10", 2), ("sgd", 1)], [None, ("adam", 1)],
    ]  # fmt: skip


def test_the_value_none_has_a_header():
    layout = lay_out_coverage(analyse(make_results("name: m\naxes: {limit: [500, null]}\nsettings: {epochs: 1}\n")))
    assert spans(layout.columns.headers[0]) == [(500, 1), (None, 1)] and len(layout.cells[0]) == 2


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"health": "healthy"}, "done"),
        ({"health": "collapsed", "health_why": "feature rank 1.01"}, "collapsed"),
        ({"state": "failed", "kind": "out_of_memory", "reason": "no room"}, "failed"),
        ({"state": "skipped", "kind": None, "reason": "needs CUDA"}, "skipped"),
        ({"state": "pending", "kind": None, "reason": "", "health": None}, "pending"),
    ],
)
def test_a_square_has_the_state_of_its_run(facts, state):
    results = make_results(TEXT)
    analysis = analyse(replace(results, runs=results.runs.assign(**facts)))
    assert {square.state for square in lay_out_coverage(analysis).squares} == {state}


REPEATED = "name: m\naxes: {dataset: [mnist, cifar10]}\nseeds: [3, 1]\nrepeats: 2\nsettings: {epochs: 1}\n"


def test_each_repeat_has_a_square_beside_those_of_its_seed():
    layout = lay_out_coverage(analyse(make_results(REPEATED)))
    assert layout.columns.axes == ("dataset", "seed", "repeat") and layout.rows.axes == ()
    assert spans(layout.columns.headers[1]) == [(1, 2), (3, 2)] * 2
    assert [len(cell) for cell in layout.cells[0]] == [1] * 8
    # Seeds that do not fit beside their repeats become rows.
    folded = lay_out_coverage(analyse(make_results(REPEATED)), 3)
    assert (folded.rows.axes, folded.columns.axes) == (("dataset", "seed"), ("repeat",))
    assert [[len(cell) for cell in row] for row in folded.cells] == [[1, 1]] * 4
