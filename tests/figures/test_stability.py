from dataclasses import replace

import pandas as pd

from dcbench.analysis.results import Results
from dcbench.analysis.summary import analyse
from dcbench.figures import stability
from tests.helpers.tiny_analysis import fill_rows


def make_analysis(curves):
    """Return the analysis of two runs of each optimizer with this nmi_previous after each epoch."""
    row_dicts = [
        {
            "run_id": f"{name}{seed}",
            "optimizer": name,
            "seed": seed,
            "epoch": epoch,
            "nmi_true": 0.5,
            "nmi_previous": nmi,
        }
        for name, curve in curves.items()
        for seed in (0, 1)
        for epoch, nmi in enumerate([None, *curve])
    ]
    rows = fill_rows(pd.DataFrame(row_dicts))
    return analyse(
        Results(
            name="m",
            varied={"optimizer": list(curves)},
            runs=rows.drop_duplicates("run_id"),
            rows=rows,
            groups=(("optimizer",),),
        )
    )


def test_each_value_has_a_step_curve_and_a_count_of_settled_runs():
    figure = stability.draw(make_analysis({"sgd": [0.5, 0.95, 0.95], "adam": [0.5, 0.5, 0.5]}), "optimizer")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "sgd: 2 of 2 runs settled, half by epoch 2", "adam: 0 of 2 runs settled",
    ]  # fmt: skip
    sgd, adam = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 1]
    assert list(sgd.get_xdata()) == [0, 2, 2] and list(sgd.get_ydata()) == [1, 0, 0]
    assert list(adam.get_ydata()) == [1, 1, 1] and "0.9 or above" in figure.get_supxlabel()


def test_without_a_settled_run_there_is_no_figure():
    assert stability.draw(make_analysis({"sgd": [0.1], "adam": [0.2]}), "optimizer") is None


def test_without_an_axis_all_runs_share_a_curve():
    figure = stability.draw(make_analysis({"sgd": [0.95, 0.95]}), None)
    assert figure.legends[0].get_texts()[0].get_text() == "all runs: 2 of 2 runs settled, half by epoch 1"


def test_a_value_without_a_finished_run_is_labelled():
    value = "cut"
    analysis = make_analysis({"sgd": [0.95, 0.95], value: [0.95, 0.95]})
    analysis = replace(analysis, stability=analysis.stability[analysis.stability["optimizer"] != value])
    labels = [text.get_text() for text in stability.draw(analysis, "optimizer").legends[0].get_texts()]
    assert labels[1] == f"{value}: no finished run"
