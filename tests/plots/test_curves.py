import itertools
from dataclasses import replace

import pytest

from dcbench import ledger, results
from dcbench.analysis import analyse
from dcbench.plots import curves
from dcbench.rundir import MatrixDir
from tests.conftest import plan_of
from tests.test_results import fill

TEXT = "name: m\naxes: {dataset: [mnist, cifar10], k: [5, 6]}\nseeds: [0, 1]\nsettings: {epochs: 2, pca_dim: 8}\n"


@pytest.fixture
def found(tmp_path):
    folder, plan = MatrixDir(tmp_path / "m"), plan_of(TEXT)
    ledger.adopt(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec, nmi=0.2 + 0.3 * (spec.dataset == "mnist") + 0.1 * spec.seed)
    return results.read(folder)


def panels(figure):
    return [figure.axes[row * 2 : row * 2 + 2] for row in range(3)]


def test_a_column_for_each_value_and_a_row_for_each_metric(found):
    figure = curves.draw(analyse(found), "k")
    assert len(figure.axes) == 6
    assert [panel.get_title() for panel in figure.axes[:2]] == ["k = 5\n4 runs", "k = 6\n4 runs"]
    assert [row[0].get_ylabel() for row in panels(figure)] == [
        "pseudo-label accuracy", "NMI with the truth", "NMI epoch to epoch",
    ]  # fmt: skip


def test_datasets_are_never_pooled(found):
    panel = panels(curves.draw(analyse(found), "k"))[1][0]
    means = {line.get_label(): line for line in panel.get_lines() if not line.get_label().startswith("_")}
    assert set(means) == {"mnist", "mnist, untrained", "cifar10", "cifar10, untrained"}
    assert list(means["mnist"].get_ydata()) == pytest.approx([0.55, 0.65, 0.75])
    assert list(means["cifar10"].get_ydata()) == pytest.approx([0.25, 0.35, 0.45])


def test_the_untrained_level_is_the_mean_of_row_0_and_stands_where_row_0_has_a_value(found):
    rows = panels(curves.draw(analyse(found), "k"))
    level = next(line for line in rows[1][0].get_lines() if line.get_label() == "mnist, untrained")
    assert list(level.get_ydata()) == pytest.approx([0.55, 0.55])
    assert not [line for line in rows[0][0].get_lines() if "untrained" in line.get_label()]


def test_each_run_is_a_thin_line(found):
    panel = panels(curves.draw(analyse(found), "k"))[1][0]
    assert sum(line.get_linewidth() < 1 for line in panel.get_lines()) == 4


def test_along_the_dataset_axis_there_is_one_colour(found):
    panel = panels(curves.draw(analyse(found), "dataset"))[1][0]
    assert panel.get_title() == "" and len({line.get_color() for line in panel.get_lines()}) == 1


def test_twelve_values_fit(tmp_path):
    text = "name: m\naxes: {k: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]}\nsettings: {epochs: 2, pca_dim: 8}\n"
    folder, plan = MatrixDir(tmp_path / "m"), plan_of(text)
    ledger.adopt(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec)
    read = results.read(folder)
    figure = curves.draw(analyse(read), "k")
    figure.canvas.draw()
    boxes = [panel.title.get_window_extent() for panel in figure.axes[:12]]
    assert not any(one.x1 > other.x0 for one, other in itertools.pairwise(boxes))


def test_without_an_axis_all_runs_share_a_column(found):
    figure = curves.draw(analyse(found), None)
    assert len(figure.axes) == 3
    assert figure.axes[0].get_title() == "all runs\n8 runs"


def test_none_is_a_value_like_any_other(found):
    limited = replace(found, axes=found.axes | {"limit": [None, 500]}, groups=(*found.groups, ("limit",)))
    figure = curves.draw(analyse(limited), "limit")
    assert [panel.get_title() for panel in figure.axes[:2]] == ["limit = none\n8 runs", "limit = 500\n0 runs"]


def test_missing_runs_are_told_in_the_title_and_unequal_panels_under_the_figure(found):
    whole = curves.draw(analyse(found), "k")
    assert whole.get_supxlabel() == ""
    one = found.rows["run_id"].iloc[0]
    figure = curves.draw(analyse(replace(found, rows=found.rows[found.rows["run_id"] != one])), "k")
    assert [panel.get_title() for panel in figure.axes[:2]] == ["k = 5\n3 of 4 runs", "k = 6\n4 runs"]
    assert figure.get_supxlabel() == "The means leave out 3 of 7 finished runs, which not every panel has."


def test_panels_of_a_metric_share_a_scale_from_zero_to_the_highest_run(found):
    row = panels(curves.draw(analyse(found), "k"))[1]
    assert [panel.get_ylim() for panel in row] == [pytest.approx((0, 1.08 * 0.8))] * 2
