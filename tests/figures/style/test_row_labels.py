"""Rows labelled in words."""

import itertools

from dcbench.figures.style.row_labels import stack_row_labels


def test_rows_stand_below_each_other_however_many_lines_they_take():
    rows = stack_row_labels([("one", ""), ("two words that need two lines", "small print"), ("three", "")], 1.0)
    assert rows[1].text.count("\n") >= 1 and rows[0].small_print == ""
    assert all(one.top + one.height < other.top for one, other in itertools.pairwise(rows))
