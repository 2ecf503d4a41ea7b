"""Captions, notes and the names of values in a figure."""

from dataclasses import replace

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dcbench.analysis.statistics.finals import CurveRule
from dcbench.figures.style.captions import add_note, describe_rules, describe_sample, format_axis_value, read_note
from dcbench.figures.style.theme import SMALL_SIZE, STYLE
from tests.helpers.tiny_analysis import make_analysis


def test_long_values_are_shortened_in_the_middle_and_stay_distinct():
    values = [f"imagefolder:/data/{'x' * 200}/{end}" for end in ("birds", "boats")]
    values += [f"imagefolder:{'y' * 90}{number}{'z' * 90}" for number in (1, 2)]
    texts = [format_axis_value(make_analysis(dataset=values), "dataset", value) for value in values]
    assert len(set(texts)) == 4 and all(len(text) <= 24 for text in texts)
    assert texts[0].startswith("imagefolder") and texts[0].endswith("birds") and "\u2026" in texts[0]
    assert texts[2].endswith("#1") and texts[3].endswith("#2")


def test_a_note_fits_the_width_of_the_figure_and_can_be_read_back():
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4, 3), layout="constrained")
        figure.subplots()
        add_note(figure, "Means over 12 cells and 3 seeds.", "", "WWW and more " * 10)
        figure.canvas.draw()
        assert figure._supxlabel.get_window_extent().x1 <= figure.bbox.x1
    assert read_note(figure).startswith("Means over 12 cells and 3 seeds. WWW and more WWW")
    assert read_note(Figure()) == ""


def test_a_figure_grows_by_its_note():
    figure = Figure(figsize=(3, 2))
    add_note(figure, "", "A sentence that takes more than one line beneath a figure of three inches.", "", grow=True)
    lines = figure.get_supxlabel().count("\n") + 1
    assert lines > 1 and figure.get_figheight() == pytest.approx(2 + (lines * 1.2 * SMALL_SIZE + 4) / 72)


def test_rules_are_described_once_or_by_metric_where_they_differ():
    analysis = make_analysis()
    assert describe_rules(analysis, ["nmi_true"]) == "One number per run: last row."
    assert (
        describe_rules(analysis, ["nmi_true", "seconds"]) == "One number per run: last row (scores), whole run (times)."
    )
    other = replace(analysis, rules={"nmi_true": CurveRule(last=3)})
    parts = ["mean of the last 3 rows (NMI with the truth)", "last row (AMI with the truth)", "whole run (times)"]
    assert describe_rules(other, ["nmi_true", "ami_true", "seconds"]) == f"One number per run: {', '.join(parts)}."


def test_the_sample_of_a_table_is_described():
    table = pd.DataFrame({"cells": [4, 8], "seeds": [3, 3], "left_out": [0, 0]})
    assert describe_sample(table) == "4 to 8 matched cells and 3 seeds"
    assert describe_sample(table.assign(left_out=[1, 2])).endswith(
        "; up to 2 matched pairs left out, so that every seed has every cell"
    )
