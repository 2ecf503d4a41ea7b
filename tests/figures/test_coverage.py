import itertools
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from dcbench import registry
from dcbench.analysis.results import Results
from dcbench.analysis.summary import analyse
from dcbench.figures import choose_axes, coverage
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.theme import STYLE
from tests.helpers import analyses, text_overlap

FEW = """name: few
axes: {dataset: [mnist, cifar10], arch: [alexnet, vgg16], optimizer: [sgd, adam]}
seeds: [0, 1, 2]
settings: {epochs: 1}
"""


def draw_figure(results):
    with matplotlib.rc_context(STYLE):
        return coverage.draw(analyse(results), None)


def count_squares(figure):
    """Return the number of squares in the figure."""
    return sum(len(squares.get_offsets()) for squares in figure.axes[0].collections)


def legend_labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_each_planned_run_has_a_square_and_each_state_a_symbol():
    figure = draw_figure(analyses.make_results(FEW, failed=[0], pending=[1, 2], running=[3], skipped=[4]))
    assert legend_labels(figure) == ["healthy (19)", "failed: error (1)", "skipped (1)", "running (1)", "pending (2)"]
    squares = [collection for collection in figure.axes[0].collections if len(collection.get_paths()[0].vertices) == 5]
    positions = np.concatenate([collection.get_offsets() for collection in squares])
    assert len({tuple(position) for position in positions.round(3).tolist()}) == 24, "no two runs share a position"
    assert text_overlap.find_faults(figure) == []


def test_states_are_named_by_kind_of_failure_and_health():
    assert coverage.name_state("collapsed", None) == "collapsed"
    assert coverage.name_state("done", None) == "healthy"
    assert coverage.name_state("failed", "nan") == "failed: nan"
    assert coverage.name_state("pending", None) == "pending"
    assert coverage.name_state("failed", "of a later version") == "failed: error"


def test_the_note_counts_the_reasons_of_failures():
    results = analyses.make_results(FEW, failed=[0, 1, 2, 7], skipped=[3])
    failed = results.runs["state"] == "failed"
    results.runs.loc[failed, "kind"] = "out_of_memory"
    results.runs.loc[failed, "reason"] = ["no memory <b>left</b>"] * 3 + ["$x_1$"]
    note = read_note(draw_figure(results))
    assert note.startswith("24 planned runs. 3 failed: out_of_memory: no memory <b>left</b>.")
    assert "1 failed: out_of_memory: $x_1$." in note and "1 skipped: it skipped." in note


def test_the_map_is_drawn_without_a_finished_run():
    results = analyses.make_results(FEW, pending=range(24))
    assert choose_axes(registry.facts("figures", "coverage"), analyse(results)) == [None]
    assert legend_labels(draw_figure(results)) == ["pending (24)"]


def test_cells_that_are_not_planned_are_blank():
    results = analyses.make_results(FEW)
    runs = results.runs[(results.runs["dataset"] == "mnist") | (results.runs["arch"] == "alexnet")]
    assert count_squares(draw_figure(replace(results, runs=runs))) == 18


def test_a_map_of_ten_thousand_runs_is_legible_and_small(tmp_path):
    axes = {
        "dataset": ["digits", "mnist", "kmnist", "svhn", "cifar10"], "arch": ["alexnet", "vgg16"],
        "input_channels": [3, 2, 1], "optimizer": ["sgd", "adam"], "backend": ["faiss", "sklearn", "torch"],
        "k": [10, 20, 50, 100], "limit": [100, None],
    }  # fmt: skip
    cells = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    runs = pd.DataFrame([cell | {"seed": seed, "repeat": 0} for cell in cells for seed in range(7)])
    states = np.resize(["done", "failed", "pending", "running", "skipped"], len(runs))
    runs = runs.assign(run_id=range(len(runs)), state=states, kind="nan", health="healthy", reason="\U0001f996 $ " * 40)
    empty = analyses.make_results(FEW, pending=range(24)).rows
    figure = draw_figure(Results(name="m", varied=axes, runs=runs, rows=empty, groups=tuple((name,) for name in axes)))
    assert len(runs) == 10_080 and text_overlap.find_faults(figure) == [] and figure.get_figwidth() <= 9.5
    with matplotlib.rc_context(STYLE):
        figure.savefig(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 500_000
    assert "Unnamed for want of room" in read_note(figure)


@pytest.mark.parametrize("text", [analyses.TWELVE, "name: one\nsettings: {epochs: 1}\n"])
def test_maps_of_one_run_and_of_twelve_values_are_legible(text):
    figure = draw_figure(analyses.make_results(text))
    assert text_overlap.find_faults(figure) == [] and read_note(figure).startswith(
        ("72 planned runs.", "1 planned run.")
    )
