import numpy as np
import pytest

from dcbench.analysis import metrics_file
from dcbench.core.columns import COLUMNS

HEADER = ",".join(COLUMNS) + "\n"
PLACE = {name: place for place, name in enumerate(COLUMNS)}


def text_of(*rows, header=HEADER):
    """A metrics.csv with these values of epoch and loss."""
    names = header.strip().split(",")
    lines = [",".join(str(row.get(name, "")) for name in names) for row in rows]
    return header + "".join(f"{line}\n" for line in lines)


def test_every_file_is_an_array_with_a_line_for_each_column_and_absence_is_nan():
    long, short = text_of({"epoch": 0}, {"epoch": 1, "loss": 1 / 3}), text_of({"epoch": 0, "loss": 1e-5})
    one, other = metrics_file.parse_metrics([long, short])
    assert one.shape == (len(COLUMNS), 2) and other.shape == (len(COLUMNS), 1)
    assert one[PLACE["epoch"]].tolist() == [0, 1]
    assert np.isnan(one[PLACE["loss"], 0]) and one[PLACE["loss"], 1] == 1 / 3, "to the last digit"
    assert other[PLACE["loss"]].tolist() == [1e-5]


def test_files_with_other_columns_stand_beside_each_other():
    older = text_of({"loss": 2.0, "epoch": 0, "retired": 7}, header="loss,epoch,retired\n")
    one, other = metrics_file.parse_metrics([older, text_of({"epoch": 0, "loss": 3.0})])
    assert [one[PLACE["loss"], 0], other[PLACE["loss"], 0]] == [2, 3]
    assert np.isnan(one[PLACE["purity"], 0])


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("epoch,loss\n0,1,2,3\n", "Expected 2 columns, got 4"),
        ("epoch,loss\n0,x\n", "double"),
        ("epoch,loss\n0,1\n\n1,2\n", "empty lines"),
        (HEADER + "0,1\n", "columns"),
    ],
)
def test_one_broken_file_is_told_and_spoils_no_other(broken, told):
    good = text_of({"epoch": 0, "loss": 2.0})
    first, problem, last = metrics_file.parse_metrics([good, broken, good])
    assert told in problem and "\n" not in problem
    assert first[PLACE["loss"], 0] == last[PLACE["loss"], 0] == 2


def test_files_without_a_row_have_none():
    for texts in ([""], ["", HEADER], [HEADER, text_of({"epoch": 0}), ""]):
        shapes = [found.shape for found in metrics_file.parse_metrics(texts)]
        assert shapes == [(len(COLUMNS), text.count("\n") - 1 if text else 0) for text in texts]
    assert metrics_file.parse_metrics([]) == []


def test_infinities_and_words_for_no_value_are_read():
    (found,) = metrics_file.parse_metrics([text_of({"epoch": 0, "loss": "inf", "purity": "nan"})])
    assert found[PLACE["loss"], 0] == np.inf and np.isnan(found[PLACE["purity"], 0])
