from dataclasses import replace
from functools import cache

import matplotlib
import numpy as np
import pandas as pd
import pytest

from dcbench.analysis import results
from dcbench.analysis.summary import analyse
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.figures import curves
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.encoding import get_colour
from dcbench.figures.style.theme import STYLE
from tests.helpers import analyses, text_overlap
from tests.helpers.matrices import plan_of
from tests.helpers.noise_floors import assert_floors_are_drawn
from tests.helpers.result_folders import fill

TEXT = "name: m\naxes: {dataset: [mnist, cifar10], k: [5, 6]}\nseeds: [0, 1, 2]\nsettings: {epochs: 2, pca_dim: 8}\n"

FEW = """name: few
axes: {dataset: [mnist, cifar10], arch: [alexnet, vgg16], optimizer: [sgd, adam]}
seeds: [0, 1, 2]
settings: {epochs: 5}
"""


@pytest.fixture
def data(tmp_path):
    folder, plan = MatrixDir(tmp_path / "m"), plan_of(TEXT)
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec, nmi=0.2 + 0.3 * (spec.dataset == "mnist") + 0.1 * spec.seed)
    read = results.read_results(folder)
    return replace(read, rows=read.rows.assign(ami_true=read.rows["nmi_true"]))


def panels(figure):
    return [figure.axes[row * 2 : row * 2 + 2] for row in range(3)]


def means(panel):
    return {line.get_label(): line for line in panel.get_lines() if not line.get_label().startswith("_")}


@cache
def analyse_matrix(text):
    return analyse(analyses.make_results(text))


def draw_figure(analysis, axis):
    with matplotlib.rc_context(STYLE):
        return curves.draw(analysis, axis)


def test_there_is_a_column_for_each_value_and_a_row_for_each_metric(data):
    figure = curves.draw(analyse(data), "k")
    assert len(figure.axes) == 6
    assert [panel.get_title() for panel in figure.axes] == ["k = 5\n6 runs", "k = 6\n6 runs", "", "", "", ""]
    assert [panel.get_ylabel().replace("\n", " ") for panel in figure.axes[::2]] == [
        "pseudo-label accuracy", "AMI with the truth", "NMI epoch to epoch",
    ]  # fmt: skip
    assert "AMI replaces NMI, which rises with k by itself." in read_note(figure)


def test_each_dataset_has_its_own_mean(data):
    lines = means(panels(curves.draw(analyse(data), "k"))[1][0])
    assert set(lines) == {"mnist", "mnist, untrained", "cifar10", "cifar10, untrained"}
    assert list(lines["mnist"].get_ydata()) == pytest.approx([0.6, 0.7, 0.8])
    assert list(lines["cifar10"].get_ydata()) == pytest.approx([0.3, 0.4, 0.5])


def test_the_band_is_the_interval_over_the_seeds(data):
    _, band, *_ = panels(curves.draw(analyse(data), "k"))[1][0].collections
    edges = band.get_paths()[0].vertices[:, 1]
    assert (edges.max() - 0.8) == pytest.approx(4.30265 * 0.1 / 3**0.5, rel=1e-4)


def test_the_untrained_level_is_the_mean_of_row_0_where_it_has_a_value(data):
    rows = panels(curves.draw(analyse(data), "k"))
    assert list(means(rows[1][0])["mnist, untrained"].get_ydata()) == pytest.approx([0.6, 0.6])
    assert not [name for name in means(rows[0][0]) if "untrained" in name]


def test_runs_of_a_colour_are_thin_lines_of_one_collection(data):
    panel = panels(curves.draw(analyse(data), "k"))[1][0]
    runs = [lines for lines in panel.collections if lines.get_linewidth()[0] == 0.6]
    assert [len(lines.get_segments()) for lines in runs] == [3, 3] and all(lines.get_rasterized() for lines in runs)
    assert runs[0].get_segments()[0].tolist() == pytest.approx(np.array([[0, 0.5], [1, 0.6], [2, 0.7]]))


def test_panels_of_the_dataset_axis_have_the_colour_of_their_dataset(data):
    analysis = analyse(data)
    for panel, name in zip(panels(curves.draw(analysis, "dataset"))[1], ("mnist", "cifar10"), strict=True):
        assert {line.get_color() for line in panel.get_lines()} == {get_colour(analysis, "dataset", name)}


def test_only_the_refit_has_baselines_of_each_dataset():
    analysis = analyse_matrix(FEW)
    levels = [("raw pixels", "mnist", 0.4), ("supervised", "mnist", 0.9), ("supervised", "cifar10", 0.3)]
    references = pd.DataFrame(
        [
            {
                "axis": "arch",
                "value": value,
                "dataset": dataset,
                "level": level,
                "metric": "refit_nmi_true",
                "mean": mean,
            }
            for value in ("alexnet", "vgg16")
            for level, dataset, mean in levels
        ]
    )
    figure = draw_figure(replace(analysis, references=references), "arch")
    refit, quality = means(figure.axes[4]), means(figure.axes[2])
    assert set(quality) == {"mnist", "mnist, untrained", "cifar10", "cifar10, untrained"}
    assert set(refit) - set(quality) == {"mnist, raw pixels", "mnist, supervised", "cifar10, supervised"}
    assert refit["mnist, supervised"].get_ydata() == pytest.approx([0.9, 0.9])
    assert refit["mnist, supervised"].get_color() == get_colour(analysis, "dataset", "mnist")
    names = [text.get_text() for text in figure.axes[5].texts]
    assert names == ["untrained", "raw pixels", "supervised", "untrained", "supervised"] and not figure.axes[4].texts
    assert text_overlap.find_faults(figure) == []


def test_without_an_axis_all_runs_share_a_column(data):
    figure = curves.draw(analyse(data), None)
    assert len(figure.axes) == 3
    assert figure.axes[0].get_title() == "all runs\n12 runs"


def test_none_is_an_ordinary_value(data):
    limited = replace(data, varied=data.varied | {"limit": [None, 500]}, groups=(*data.groups, ("limit",)))
    figure = curves.draw(analyse(limited), "limit")
    assert [panel.get_title() for panel in figure.axes[:2]] == ["limit = none\n12 runs", "limit = 500\n0 runs"]


def test_the_note_counts_the_cells_seeds_and_left_out_runs_of_the_means():
    figure = draw_figure(analyse_matrix(FEW), "optimizer")
    assert read_note(figure) == "Each mean: 2 cells, 3 seeds."
    figure = draw_figure(analyse(analyses.make_results(FEW, failed=[0], pending=[1])), "optimizer")
    assert figure.axes[0].get_title() == "optimizer = sgd\n10 of 12 runs"
    left_out = "The means leave out 4 of 22 finished runs, whose cell and seed not every panel has."
    assert read_note(figure) == f"Each mean: 1 to 2 cells, 3 seeds. {left_out}"
    figure = draw_figure(analyse(analyses.make_results(FEW.replace("[0, 1, 2]", "[0]"))), "optimizer")
    assert read_note(figure) == "Each mean: 2 cells, 1 seed. No interval: it takes 3 seeds."
    assert "95 % interval" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_unhealthy_runs_are_counted_in_the_title(data):
    first = data.rows["run_id"] == data.rows["run_id"].iloc[0]
    rows = data.rows.assign(health=data.rows["health"].astype(str).where(~first, "collapsed"))
    figure = curves.draw(analyse(replace(data, rows=rows)), "k")
    assert figure.axes[0].get_title() == "k = 5\n6 runs, 1 collapsed"


def test_panels_of_a_metric_share_their_scales(data):
    row = panels(curves.draw(analyse(data), "k"))[1]
    assert [panel.get_ylim() for panel in row] == [pytest.approx((0, 1.08 * 0.9))] * 2
    assert [panel.get_xlim() for panel in row] == [pytest.approx((-0.08, 2.08))] * 2


@pytest.mark.parametrize(("text", "axis"), [(analyses.TWELVE, "k"), (analyses.TWELVE, "optimizer"), (FEW, "arch")])
def test_all_texts_are_legible(text, axis):
    figure = draw_figure(analyse_matrix(text), axis)
    assert text_overlap.find_faults(figure) == []
    assert figure.get_figwidth() <= 9.5
    if axis == "k":
        bottom = [panel for panel in figure.axes if panel.get_xlabel()]
        assert len(figure.axes) == 48 and len(bottom) == 12, "twelve columns in two blocks"


def test_long_and_unusual_names_are_legible():
    names = ["imagefolder:<script>$x_1$", f"imagefolder:{'w' * 200}", 'imagefolder:"\U0001f996"', "imagefolder:_"]
    data = analyses.make_results(FEW.replace("[mnist, cifar10]", "[mnist, cifar10, digits, svhn]"))
    named = dict(zip(data.varied["dataset"], names, strict=True))
    for frame in (data.rows, data.runs):
        frame["dataset"] = frame["dataset"].map(named)
    analysis = analyse(replace(data, varied=data.varied | {"dataset": names}))
    for axis in ("dataset", "optimizer"):
        assert text_overlap.find_faults(draw_figure(analysis, axis)) == []


def test_the_noise_floor_is_a_scale_bar_in_the_colour_of_its_dataset():
    text = FEW.replace("mnist", "digits") + "repeats: 2\n"
    analysis, figure = analyse_matrix(text), draw_figure(analyse_matrix(text), "arch")
    assert_floors_are_drawn(analysis, figure)
