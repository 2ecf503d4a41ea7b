"""Every figure of a run can draw runs of every kind, has a caption, and uses only the arrays that it names."""

import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from dcbench import registry
from dcbench.figures.style.theme import STYLE
from dcbench.inspect.result import ARRAYS, InspectionResult
from tests.helpers.inspected_runs import make_run, measure_on_cpu
from tests.helpers.inspection_results import make_result

FIGURES = registry.plugin_names("run_figures")

NAMES = ["<script>alert('x')</script>", 'a$b$ & "c"', "cat 🐈 猫", "x" * 200, "", "3", "ñandú", "dog", "eel", "fox"]

KINDS = {
    "grey": make_result(),
    "colour": make_result(dataset="cifar10", side=32, classes=10, names=[f"class{n}" for n in range(10)]),
    "Sobel": make_result(channels=2),
    "one channel": make_result(channels=1, dataset="cifar10", side=32),
    "untrained": make_result(epochs=0),
    "odd names": make_result(classes=10, k=10, names=NAMES),
    "1000 clusters": make_result(n=1500, k=1000, clusters_shown=20),
    "100 classes": make_result(n=300, classes=100, k=30, dataset="cifar100", side=32),
    "one filter": make_result(filters=1),
    "96 filters": make_result(filters=96, side=32, dataset="cifar10"),
    "64 px": make_result(side=64, dataset="stl10"),
}


def make_single_cluster_result():
    result = make_result(k=4)
    arrays = {**result.arrays, "assignment": np.full(90, 2), "clusters": np.array([2])}
    return InspectionResult(
        arrays=arrays | {name: result[name][:1] for name in ("means", "nearest", "distances")}, facts=result.facts
    )


def make_silent_result():
    result = make_result()
    return InspectionResult(
        arrays={**result.arrays, "first_strengths": np.zeros((5, 8)), "last_strengths": -np.ones((5, 8))},
        facts=result.facts,
    )


def draw_figure(name, result):
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph or a layout without enough space
        figure = registry.load("run_figures", name).draw(result)
        figure.canvas.draw()
    return figure


def test_there_are_figures_and_each_has_its_own_place():
    assert {"nearest", "confusion", "feature_map", "filters", "first_layer_images", "last_layer_images"} <= set(FIGURES)
    places = [registry.facts("run_figures", name)["place"] for name in FIGURES]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("figure_name", FIGURES)
def test_a_figure_has_a_title_and_needs_known_arrays(figure_name):
    facts = registry.facts("run_figures", figure_name)
    assert facts["title"] and set(facts["needs"]) <= set(ARRAYS)


@pytest.mark.parametrize("figure_name", FIGURES)
def test_a_figure_uses_only_the_arrays_it_needs(figure_name):
    """A figure can be drawn from the arrays that it names and those that every run has."""
    result = make_result()
    always = ["assignment", "labels", "indices"]
    few = InspectionResult(
        arrays={name: result[name] for name in [*always, *registry.facts("run_figures", figure_name)["needs"]]},
        facts=result.facts,
    )
    assert draw_figure(figure_name, few).axes and registry.load("run_figures", figure_name).caption(few)


@pytest.mark.parametrize("figure_name", FIGURES)
@pytest.mark.parametrize("kind", [*KINDS, "one cluster", "silent"])
def test_a_figure_can_draw_runs_of_every_kind(figure_name, kind):
    result = {"one cluster": make_single_cluster_result, "silent": make_silent_result}.get(kind, lambda: KINDS[kind])()
    assert isinstance(draw_figure(figure_name, result), Figure)
    text = registry.load("run_figures", figure_name).caption(result)
    assert text.endswith(".") and "  " not in text and "nan" not in text


@pytest.mark.parametrize("figure_name", FIGURES)
def test_texts_are_inside_the_figure(figure_name):
    """All texts lie inside the figure."""
    for kind in ("grey", "colour", "odd names", "1000 clusters", "Sobel"):
        figure = draw_figure(figure_name, KINDS[kind])
        inside = figure.bbox.padded(2)
        for axes in figure.axes:
            for text in axes.texts:
                box = text.get_window_extent()
                assert inside.x0 <= box.x0 and box.x1 <= inside.x1, (kind, text.get_text())
                assert inside.y0 <= box.y0 and box.y1 <= inside.y1, (kind, text.get_text())


def test_figures_can_draw_a_real_run(tmp_path):
    result = measure_on_cpu(make_run(tmp_path))
    for name in FIGURES:
        assert draw_figure(name, result).axes


@pytest.mark.parametrize("figure_name", ["nearest", "filters", "first_layer_images", "last_layer_images"])
@pytest.mark.parametrize("kind", ["grey", "colour", "odd names", "96 filters", "one filter", "Sobel"])
def test_texts_do_not_overlap_images_or_each_other(figure_name, kind):
    figure = draw_figure(figure_name, KINDS[kind])
    (axes,) = figure.axes
    picture = np.asarray(axes.images[0].get_array())
    boxes = [text.get_window_extent() for text in axes.texts]
    for number, box in enumerate(boxes):
        (x0, y1), (x1, y0) = axes.transData.inverted().transform([(box.x0, box.y0), (box.x1, box.y1)])
        under = picture[max(0, int(y0)) : max(0, int(y1)), max(0, int(x0)) : max(0, int(x1))]
        assert (under == 255).all(), axes.texts[number].get_text()
        assert not any(box.overlaps(other) for other in boxes[:number]), axes.texts[number].get_text()
