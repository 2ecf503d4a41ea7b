"""Which plots are drawn."""

import pandas as pd

from dcbench.analysis.results import Results
from dcbench.analysis.summary import analyse
from dcbench.figures import axes_of

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
