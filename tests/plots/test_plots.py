"""What the plots share: which are drawn, the colours of values, and words that can stand in a figure."""

import itertools
from dataclasses import replace

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcbench.analysis import analyse
from dcbench.plots import (
    COLOURS,
    GREY,
    SMALL,
    STYLE,
    VERDICTS,
    amounts,
    axes_of,
    beneath,
    colour,
    counted,
    face,
    label,
    legend,
    line,
    marker,
    note,
    noted,
    rows_of,
    ruled,
    short,
    sized,
    spread,
    verdict_handles,
)
from dcbench.results import Results
from dcbench.statistics.finals import Rule

ROWS = pd.DataFrame({"run_id": ["a", "a"], "seed": 0, "epoch": [0, 1], "nmi_true": 0.5, "nmi_previous": 0.5})


def told(rows=ROWS, **axes):
    rows = rows.assign(**{name: [values[0]] * len(rows) for name, values in axes.items()})
    runs = rows.drop_duplicates("run_id")
    return analyse(Results("m", axes, runs, rows, groups=tuple((name,) for name in axes)))


def test_a_plot_is_drawn_along_the_axes_that_it_is_for():
    some = told(k=[5, 6], arch=["alexnet", "vgg16"], limit=[None, 500])
    assert axes_of({"per_axis": False}, some) == [None]
    assert axes_of({"per_axis": True}, some) == ["k", "arch", "limit"]
    assert axes_of({"per_axis": True, "axes": "numeric"}, some) == ["k"]
    assert axes_of({"per_axis": True}, told()) == [None]
    assert axes_of({"per_axis": True, "axes": "numeric"}, told(arch=["alexnet", "vgg16"])) == []


def test_before_any_run_has_finished_only_plots_of_the_plan_are_drawn():
    none = told(ROWS.iloc[:0])
    assert axes_of({"per_axis": False}, none) == [] and axes_of({"per_axis": True}, none) == []
    assert axes_of({"per_axis": False, "needs": "plan"}, none) == [None]


def test_amounts_are_numbers_that_mean_how_much():
    some = told(k=[5, 6], input_channels=[3, 2, 1], limit=[None, 500], pca_dim=[8, None, 16])
    assert [amounts(some, axis) for axis in some.axes] == [True, False, False, True]


def test_a_value_has_one_colour_on_all_axes_that_choose_among_the_same():
    some = told(top_optimizer=["adam", "sgd"], optimizer=["sgd", "adam"], kmeans_backend=["torch", "faiss"])
    for draws in (colour, marker, line):
        assert draws(some, "optimizer", "adam") == draws(some, "top_optimizer", "adam")
    assert colour(some, "optimizer", "adam") == COLOURS[0] and colour(some, "optimizer", "sgd") == COLOURS[1]
    backends = [colour(some, "backend", name) for name in ("torch", "faiss", "sklearn")]
    assert backends == list(COLOURS[:3]), "the backends that no axis has come after those of an axis"
    assert colour(some, None, "x") == COLOURS[0] and colour(some, "optimizer", "lion") == GREY


def test_thirty_values_have_thirty_codes():
    some = told(arch=[f"net{number}" for number in range(30)])
    codes = {(colour(some, "arch", one), line(some, "arch", one)) for one in some.axes["arch"]}
    assert len(codes) == len({(colour(some, "arch", one), marker(some, "arch", one)) for one in some.axes["arch"]})
    assert len(codes) == 30


def test_amounts_have_a_ramp_by_size_whatever_their_order_and_none_is_the_last():
    some = told(limit=[500, None, 100, 1000])
    green = [int(colour(some, "limit", one)[3:5], 16) for one in (100, 500, 1000, None)]
    assert green == sorted(green) and len(set(green)) == 4


def test_long_values_are_shortened_in_the_middle_and_stay_apart():
    values = [f"imagefolder:/data/{'x' * 200}/{end}" for end in ("birds", "boats")]
    values += [f"imagefolder:{'y' * 90}{number}{'z' * 90}" for number in (1, 2)]
    texts = [label(told(dataset=values), "dataset", value) for value in values]
    assert len(set(texts)) == 4 and all(len(text) <= 24 for text in texts)
    assert texts[0].startswith("imagefolder") and texts[0].endswith("birds") and "\u2026" in texts[0]
    assert texts[2].endswith("#1") and texts[3].endswith("#2")


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert('x')</script>", '"quoted"', "$x_1$ & $", "_private", "\U0001f996 \u732b", "a\n\tb\x00",
        "\\frac{", "x" * 200, "",
    ],
)  # fmt: skip
def test_any_name_can_be_drawn(name, tmp_path):
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4, 3), layout="constrained")
        figure.subplots().set_title(short(name))
        legend(figure, [Line2D([], [], label=label(told(dataset=[name, "mnist"]), "dataset", name))])
        note(figure, short(name))
        figure.savefig(tmp_path / "a.svg")
        figure.savefig(tmp_path / "a.png")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [short(name)] and len(short(name)) <= 24


def test_a_legend_has_as_many_columns_as_fit():
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5, 3), layout="constrained")
        figure.subplots()
        legend(figure, [Line2D([], [], label=f"{number} is a long label") for number in range(12)])
        figure.canvas.draw()
        box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    assert box.height < 0.4 * figure.bbox.height


def test_the_words_beneath_a_figure_fit_its_width_and_can_be_read_again():
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4, 3), layout="constrained")
        figure.subplots()
        note(figure, "Means over 12 cells and 3 seeds.", "", "WWW and more " * 10)
        figure.canvas.draw()
        assert figure._supxlabel.get_window_extent().x1 <= figure.bbox.x1
    assert noted(figure).startswith("Means over 12 cells and 3 seeds. WWW and more WWW")
    assert noted(Figure()) == ""


def test_counts_have_their_plural():
    assert [counted(1, "run"), counted(2, "run"), counted(12345, "run")] == ["1 run", "2 runs", "12,345 runs"]


def test_labels_that_would_overlap_move_apart_no_further_than_they_must():
    assert spread([0.1, 0.5, 0.9], 0.2) == pytest.approx([0.1, 0.5, 0.9])
    assert spread([0.5, 0.1, 0.5], 0.2) == pytest.approx([0.4, 0.1, 0.6])
    assert spread([0.3, 0.3, 0.45], 0.2) == pytest.approx([0.15, 0.35, 0.55])
    assert spread([0.95, 0.0, 0.97], 0.2, 0, 1) == pytest.approx([0.7, 0.1, 0.9]) and spread([], 0.2) == []


def test_a_figure_grows_by_its_note():
    figure = Figure(figsize=(3, 2))
    beneath(figure, "", "A sentence that takes more than one line beneath a figure of three inches.", "")
    lines = figure.get_supxlabel().count("\n") + 1
    assert lines > 1 and figure.get_figheight() == pytest.approx(2 + (lines * 1.2 * SMALL + 4) / 72)


def test_rules_are_told_once_and_by_metric_where_they_differ():
    some = told()
    assert ruled(some, ["nmi_true"]) == "A run's numbers: last row."
    assert ruled(some, ["nmi_true", "seconds"]) == "A run's numbers: last row (scores), whole run (times)."
    other = replace(some, rules={"nmi_true": Rule(last=3)})
    parts = ["mean of the last 3 rows (NMI with the truth)", "last row (AMI with the truth)", "whole run (times)"]
    assert ruled(other, ["nmi_true", "ami_true", "seconds"]) == f"A run's numbers: {', '.join(parts)}."


def test_what_a_table_stands_on_is_told():
    table = pd.DataFrame({"cells": [4, 8], "seeds": [3, 3], "left_out": [0, 0]})
    assert sized(table) == "4 to 8 matched cells and 3 seeds"
    assert sized(table.assign(left_out=[1, 2])).endswith(
        "; up to 2 matched pairs left out, so that every seed has every cell"
    )


def test_rows_stand_below_each_other_however_many_lines_they_take():
    rows = rows_of([("one", ""), ("two words that need two lines", "small print"), ("three", "")], 1.0)
    assert rows[1].text.count("\n") >= 1 and rows[0].small == ""
    assert all(one.top + one.tall < other.top for one, other in itertools.pairwise(rows))


def test_verdicts_differ_in_colour_and_marker():
    handles = verdict_handles(pd.Series(["same", "better", "better"]))
    assert [handle.get_label() for handle in handles] == ["better", "same", "margin"]
    assert face("cannot tell") == "none" and len({VERDICTS[word] for word in VERDICTS}) == len(VERDICTS)
