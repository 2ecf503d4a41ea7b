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


def drawn(found):
    with matplotlib.rc_context(STYLE):
        return coverage.draw(analyse(found), None)


def runs_of(figure):
    """How many squares the figure shows."""
    return sum(len(one.get_offsets()) for one in figure.axes[0].collections)


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_every_planned_run_has_a_square_and_every_state_a_symbol():
    figure = drawn(analyses.make_results(FEW, failed=[0], pending=[1, 2], running=[3], skipped=[4]))
    assert labels(figure) == ["healthy (19)", "failed: error (1)", "skipped (1)", "running (1)", "pending (2)"]
    squares = [one for one in figure.axes[0].collections if len(one.get_paths()[0].vertices) == 5]
    places = np.concatenate([one.get_offsets() for one in squares])
    assert len({tuple(place) for place in places.round(3).tolist()}) == 24, "no two runs share a place"
    assert text_overlap.find_faults(figure) == []


def test_failed_runs_have_their_kind_and_finished_ones_their_health():
    assert coverage.name_state("collapsed", None) == "collapsed"
    assert coverage.name_state("done", None) == "healthy"
    assert coverage.name_state("failed", "nan") == "failed: nan"
    assert coverage.name_state("pending", None) == "pending"
    assert coverage.name_state("failed", "of a later version") == "failed: error"


def test_reasons_are_counted_in_words():
    found = analyses.make_results(FEW, failed=[0, 1, 2, 7], skipped=[3])
    failed = found.runs["state"] == "failed"
    found.runs.loc[failed, "kind"] = "out_of_memory"
    found.runs.loc[failed, "reason"] = ["no memory <b>left</b>"] * 3 + ["$x_1$"]
    told = read_note(drawn(found))
    assert told.startswith("24 planned runs. 3 failed: out_of_memory: no memory <b>left</b>.")
    assert "1 failed: out_of_memory: $x_1$." in told and "1 skipped: it skipped." in told


def test_before_any_run_has_finished_the_map_is_there():
    found = analyses.make_results(FEW, pending=range(24))
    told = analyse(found)
    assert choose_axes(registry.facts("figures", "coverage"), told) == [None]
    assert labels(drawn(found)) == ["pending (24)"]


def test_what_is_not_planned_is_blank():
    found = analyses.make_results(FEW)
    some = found.runs[(found.runs["dataset"] == "mnist") | (found.runs["arch"] == "alexnet")]
    assert runs_of(drawn(replace(found, runs=some))) == 18


def test_ten_thousand_runs_are_a_map_that_can_be_read(tmp_path):
    axes = {
        "dataset": ["digits", "mnist", "kmnist", "svhn", "cifar10"], "arch": ["alexnet", "vgg16"],
        "input_channels": [3, 2, 1], "optimizer": ["sgd", "adam"], "backend": ["faiss", "sklearn", "torch"],
        "k": [10, 20, 50, 100], "limit": [100, None],
    }  # fmt: skip
    cells = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    runs = pd.DataFrame([cell | {"seed": seed} for cell in cells for seed in range(7)])
    states = np.resize(["done", "failed", "pending", "running", "skipped"], len(runs))
    runs = runs.assign(run_id=range(len(runs)), state=states, kind="nan", health="healthy", reason="\U0001f996 $ " * 40)
    empty = analyses.make_results(FEW, pending=range(24)).rows
    figure = drawn(Results(name="m", varied=axes, runs=runs, rows=empty, groups=tuple((name,) for name in axes)))
    assert len(runs) == 10_080 and text_overlap.find_faults(figure) == [] and figure.get_figwidth() <= 9.5
    with matplotlib.rc_context(STYLE):
        figure.savefig(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 500_000
    assert "Unnamed for want of room" in read_note(figure)


@pytest.mark.parametrize("text", [analyses.TWELVE, "name: one\nsettings: {epochs: 1}\n"])
def test_one_run_and_twelve_values_can_be_read(text):
    figure = drawn(analyses.make_results(text))
    assert text_overlap.find_faults(figure) == [] and read_note(figure).startswith(
        ("72 planned runs.", "1 planned run.")
    )
