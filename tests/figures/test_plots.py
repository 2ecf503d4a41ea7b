"""Which plots are drawn."""

from dcbench.figures import choose_axes
from tests.helpers.tiny_analysis import ROWS, told


def test_a_plot_is_drawn_along_the_axes_that_it_is_for():
    some = told(k=[5, 6], arch=["alexnet", "vgg16"], limit=[None, 500])
    assert choose_axes({"per_axis": False}, some) == [None]
    assert choose_axes({"per_axis": True}, some) == ["k", "arch", "limit"]
    assert choose_axes({"per_axis": True, "axes": "numeric"}, some) == ["k"]
    assert choose_axes({"per_axis": True}, told()) == [None]
    assert choose_axes({"per_axis": True, "axes": "numeric"}, told(arch=["alexnet", "vgg16"])) == []


def test_before_any_run_has_finished_only_plots_of_the_plan_are_drawn():
    none = told(ROWS.iloc[:0])
    assert choose_axes({"per_axis": False}, none) == [] and choose_axes({"per_axis": True}, none) == []
    assert choose_axes({"per_axis": False, "needs": "plan"}, none) == [None]
