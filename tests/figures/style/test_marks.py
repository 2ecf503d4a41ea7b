"""The marks and legends that several figures share."""

import itertools

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcbench.figures.style.captions import add_note, format_axis_value, shorten
from dcbench.figures.style.marks import add_legend, make_run_lines, spread_apart, stack_row_labels
from dcbench.figures.style.theme import COLOURS, STYLE
from tests.helpers.tiny_analysis import make_analysis


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert('x')</script>", '"quoted"', "$x_1$ & $", "_private", "\U0001f996 \u732b", "a\n\tb\x00",
        "\\frac{", "x" * 200, "",
    ],
)  # fmt: skip
def test_names_with_special_characters_can_be_drawn(name, tmp_path):
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4, 3), layout="constrained")
        figure.subplots().set_title(shorten(name))
        add_legend(
            figure, [Line2D([], [], label=format_axis_value(make_analysis(dataset=[name, "mnist"]), "dataset", name))]
        )
        add_note(figure, shorten(name))
        figure.savefig(tmp_path / "a.svg")
        figure.savefig(tmp_path / "a.png")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [shorten(name)] and len(shorten(name)) <= 24


def test_a_legend_has_as_many_columns_as_fit():
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5, 3), layout="constrained")
        figure.subplots()
        add_legend(figure, [Line2D([], [], label=f"{number} is a long label") for number in range(12)])
        figure.canvas.draw()
        box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    assert box.height < 0.4 * figure.bbox.height


def test_of_many_runs_the_same_hundred_are_always_drawn():
    rows = pd.DataFrame([{"run_id": f"r{run}", "epoch": epoch, "x": run} for run in range(1000) for epoch in (0, 1)])
    lines, repeated = (make_run_lines(rows, "x", COLOURS[0]).get_segments() for _ in range(2))
    numbers = [int(line[0][1]) for line in lines]
    assert len(set(numbers)) == len(numbers) == 100 and numbers == [int(line[0][1]) for line in repeated]
    assert {number % 7 for number in numbers} == set(range(7)), "every seed of seven"
    few = make_run_lines(rows[rows["x"] < 100].assign(x=None), "x", COLOURS[0])
    assert len(make_run_lines(rows[rows["x"] < 100], "x", COLOURS[0]).get_segments()) == 100
    assert few.get_segments() == []


def test_overlapping_labels_move_apart_by_the_least_distance():
    assert spread_apart([0.1, 0.5, 0.9], 0.2) == pytest.approx([0.1, 0.5, 0.9])
    assert spread_apart([0.5, 0.1, 0.5], 0.2) == pytest.approx([0.4, 0.1, 0.6])
    assert spread_apart([0.3, 0.3, 0.45], 0.2) == pytest.approx([0.15, 0.35, 0.55])
    assert spread_apart([0.95, 0.0, 0.97], 0.2, 0, 1) == pytest.approx([0.7, 0.1, 0.9]) and spread_apart([], 0.2) == []


def test_row_labels_of_several_lines_do_not_overlap():
    rows = stack_row_labels([("one", ""), ("two words that need two lines", "small print"), ("three", "")], 1.0)
    assert rows[1].text.count("\n") >= 1 and rows[0].small_print == ""
    assert all(upper.top + upper.height < lower.top for upper, lower in itertools.pairwise(rows))
