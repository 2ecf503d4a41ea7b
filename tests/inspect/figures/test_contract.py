"""Every figure draws a run of any kind, says what it shows, and needs no array that it does not name."""

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

PARTS = registry.plugin_names("run_figures")

NAMES = ["<script>alert('x')</script>", 'a$b$ & "c"', "cat 🐈 猫", "x" * 200, "", "3", "ñandú", "dog", "eel", "fox"]

KINDS = {
    "grey": make_result(),
    "colour": make_result(dataset="cifar10", side=32, classes=10, names=[f"class{n}" for n in range(10)]),
    "Sobel": make_result(channels=2),
    "one channel": make_result(channels=1, dataset="cifar10", side=32),
    "untrained": make_result(epochs=0),
    "odd names": make_result(classes=10, k=10, names=NAMES),
    "1000 clusters": make_result(n=1500, k=1000, shown=20),
    "100 classes": make_result(n=300, classes=100, k=30, dataset="cifar100", side=32),
    "one filter": make_result(filters=1),
    "96 filters": make_result(filters=96, side=32, dataset="cifar10"),
    "64 px": make_result(side=64, dataset="stl10"),
}


def one_cluster():
    result = make_result(k=4)
    arrays = {**result.arrays, "assignment": np.full(90, 2), "clusters": np.array([2])}
    return InspectionResult(
        arrays=arrays | {name: result[name][:1] for name in ("means", "nearest", "distances")}, facts=result.facts
    )


def silent():
    result = make_result()
    return InspectionResult(
        arrays={**result.arrays, "first_strengths": np.zeros((5, 8)), "last_strengths": -np.ones((5, 8))},
        facts=result.facts,
    )


def drawn(part, result):
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that the font lacks, a layout that has no room
        figure = registry.load("run_figures", part).draw(result)
        figure.canvas.draw()
    return figure


def test_there_are_figures_each_with_a_place_of_its_own():
    assert {"nearest", "confusion", "feature_map", "filters", "first_layer_images", "last_layer_images"} <= set(PARTS)
    places = [registry.facts("run_figures", part)["place"] for part in PARTS]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("part", PARTS)
def test_it_has_a_title_and_needs_arrays_that_exist(part):
    facts = registry.facts("run_figures", part)
    assert facts["title"] and set(facts["needs"]) <= set(ARRAYS)


@pytest.mark.parametrize("part", PARTS)
def test_what_it_needs_is_all_it_uses(part):
    """With nothing but the arrays that it names, and what every run has, it can be drawn."""
    result = make_result()
    always = ["assignment", "labels", "indices"]
    few = InspectionResult(
        arrays={name: result[name] for name in [*always, *registry.facts("run_figures", part)["needs"]]},
        facts=result.facts,
    )
    assert drawn(part, few).axes and registry.load("run_figures", part).caption(few)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", [*KINDS, "one cluster", "silent"])
def test_it_draws_runs_of_every_kind(part, kind):
    result = {"one cluster": one_cluster, "silent": silent}.get(kind, lambda: KINDS[kind])()
    assert isinstance(drawn(part, result), Figure)
    text = registry.load("run_figures", part).caption(result)
    assert text.endswith(".") and "  " not in text and "nan" not in text


@pytest.mark.parametrize("part", PARTS)
def test_nothing_overlaps_the_edge(part):
    """All words lie inside the figure."""
    for kind in ("grey", "colour", "odd names", "1000 clusters", "Sobel"):
        figure = drawn(part, KINDS[kind])
        inside = figure.bbox.padded(2)
        for axes in figure.axes:
            for text in axes.texts:
                box = text.get_window_extent()
                assert inside.x0 <= box.x0 and box.x1 <= inside.x1, (kind, text.get_text())
                assert inside.y0 <= box.y0 and box.y1 <= inside.y1, (kind, text.get_text())


def test_a_real_run(tmp_path):
    result = measure_on_cpu(make_run(tmp_path))
    for part in PARTS:
        assert drawn(part, result).axes


@pytest.mark.parametrize("part", ["nearest", "filters", "first_layer_images", "last_layer_images"])
@pytest.mark.parametrize("kind", ["grey", "colour", "odd names", "96 filters", "one filter", "Sobel"])
def test_words_do_not_lie_on_images_or_on_each_other(part, kind):
    figure = drawn(part, KINDS[kind])
    (axes,) = figure.axes
    picture = np.asarray(axes.images[0].get_array())
    boxes = [text.get_window_extent() for text in axes.texts]
    for number, box in enumerate(boxes):
        (x0, y1), (x1, y0) = axes.transData.inverted().transform([(box.x0, box.y0), (box.x1, box.y1)])
        under = picture[max(0, int(y0)) : max(0, int(y1)), max(0, int(x0)) : max(0, int(x1))]
        assert (under == 255).all(), axes.texts[number].get_text()
        assert not any(box.overlaps(other) for other in boxes[:number]), axes.texts[number].get_text()
