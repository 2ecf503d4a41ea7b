import numpy as np
import pytest

from dcbench.analysis.statistics.matching import NONE, find_rectangle, make_frame, make_grid, match_runs
from tests.helpers.factorials import factorial, without


def pairs(frame, chosen=("one", "two")):
    return match_runs(make_grid(frame, ["a"], ["cell"]), frame["score"].to_numpy(), chosen)


def test_every_value_seed_and_cell_is_matched_in_any_order():
    frame = factorial(noise=1.0).sample(frac=1, random_state=0)
    runs = pairs(frame)
    assert runs.metric.shape == (2, 3, 3) and runs.left_out == 0
    for value, lines in zip(("one", "two"), runs.lines, strict=True):
        assert set(frame["a"].iloc[lines.ravel()]) == {value}
    before, after = (frame.iloc[lines.ravel()][["cell", "seed"]].to_numpy().tolist() for lines in runs.lines)
    assert before == after, "matched"
    assert np.allclose(frame["score"].to_numpy()[runs.lines], runs.metric)


@pytest.mark.parametrize("value", [None, 500])
def test_none_is_an_ordinary_value(value):
    frame = factorial().assign(a=lambda all_: all_["a"].map({"one": None, "two": 500.0}).astype(object))
    runs = make_grid(frame, ["a"], ["cell"])
    assert value in runs.values and not (runs.select([value]) == NONE).any()


def test_a_missing_run_removes_its_cell_or_its_seed_whichever_loses_fewer_pairs():
    runs = pairs(without(factorial(seeds=5), cell="x", seed=1, a="two"))
    assert (runs.seeds, runs.cells, runs.left_out) == (4, 3, 2)
    frame = factorial(seeds=5)
    runs = pairs(frame.assign(score=frame["score"].where(frame["cell"] != "x")))
    assert (runs.seeds, runs.cells, runs.left_out) == (5, 2, 0), "a cell without any pair was never there"


def test_a_value_without_runs_has_no_pairs():
    runs = pairs(factorial(), ("one", "three"))
    assert runs.metric.size == 0 and (runs.seeds, runs.cells) == (0, 0)
    assert pairs(factorial().iloc[:0]).metric.size == 0


def test_without_other_axes_there_is_one_cell():
    frame = factorial(cells=("x",))
    runs = match_runs(make_grid(frame, ["a"], []), frame["score"].to_numpy(), ("one", "two"))
    assert (runs.seeds, runs.cells) == (3, 1)


def test_the_rectangle_is_complete_and_large():
    present = np.ones((5, 4), bool)
    present[0, 0] = present[0, 1] = present[3, 0] = False
    rows, columns = find_rectangle(present)
    assert present[np.ix_(rows, columns)].all() and rows.size * columns.size == 12
    assert find_rectangle(np.zeros((3, 2), bool))[0].size == 0


def test_three_seeds_are_kept_when_half_of_the_pairs_remain():
    present = np.ones((3, 2), bool)
    present[0, 0] = False
    assert [rectangle.tolist() for rectangle in find_rectangle(present)] == [[0, 1, 2], [1]], (
        "not two seeds of both cells"
    )
    late = np.ones((3, 8), bool)
    late[2, 1:] = False
    assert [rectangle.size for rectangle in find_rectangle(late)] == [2, 8], (
        "not one cell of eight, for a seed that has just begun"
    )


def test_the_rectangle_is_complete_for_any_gaps():
    rng = np.random.default_rng(0)
    for _ in range(200):
        present = rng.random((rng.integers(1, 6), rng.integers(1, 9))) < rng.random()
        rows, columns = find_rectangle(present)
        assert present[np.ix_(rows, columns)].all()
        assert (rows.size * columns.size > 0) == present.any(), "something is kept where there is something"


def test_none_stays_none_in_a_frame_of_values():
    table = make_frame([{"value": None, "mean": 1.0}, {"value": 500, "mean": 2.0}], ["value", "mean"], ["value"])
    assert table["value"].tolist() == [None, 500] and table["value"].iloc[0] is None
    assert table["mean"].tolist() == [1.0, 2.0] and list(make_frame([], ["value"], ["value"])) == ["value"]
