from itertools import product

import matplotlib
import pandas as pd
import pytest

from dcbench.analysis.results import Results
from dcbench.analysis.summary import analyse
from dcbench.core.columns import STAGES
from dcbench.figures import stage_times
from dcbench.figures.style.captions import read_note
from dcbench.figures.style.theme import STYLE
from tests.helpers.text_overlap import find_faults
from tests.helpers.tiny_analysis import fill_rows


def make_row(**changes):
    base = {"run_id": "a", "dataset": "mnist", "arch": "alexnet", "backend": "faiss", "epoch": 0, "reassigned": 1,
            "pca_backend": "faiss", "whiten_backend": "faiss", "kmeans_backend": "faiss",
            "timing": "shared", "seed": 0, "nmi_true": 0.5, "nmi_previous": 0.5}  # fmt: skip
    return base | {f"seconds_{stage}": 1.0 for stage in STAGES} | changes


def analyse_rows(frame, **axes):
    frame = fill_rows(frame)
    results = Results(name="m", varied=axes, runs=frame, rows=frame, groups=tuple((name,) for name in axes))
    return analyse(results)


FRAME = pd.DataFrame([
    make_row(), make_row(epoch=1, seconds_pca=3.0), make_row(epoch=2, seconds_pca=None),
    make_row(run_id="b", pca_backend="torch", backend="torch+faiss+faiss", seconds_pca=9.0),
])  # fmt: skip


def test_each_stage_has_a_panel_with_bars_of_its_libraries():
    figure = stage_times.draw(analyse_rows(FRAME), None)
    panels = {panel.get_title(): panel for panel in figure.axes}
    assert list(panels) == list(STAGES)
    assert [label.get_text() for label in panels["pca"].get_yticklabels()] == ["faiss", "torch"]
    assert [label.get_text() for label in panels["kmeans"].get_yticklabels()] == ["faiss"]
    assert [bar.get_width() for bar in panels["pca"].patches] == pytest.approx([2.0, 9.0])
    assert [label.get_text() for label in panels["train"].get_yticklabels()] == ["faiss", "mixed"]
    assert panels["pca"].get_xlabel() == "s per epoch"


def test_architectures_have_colours_and_a_legend():
    rows = pd.concat([FRAME[FRAME["run_id"] == "a"], FRAME[FRAME["run_id"] == "b"].assign(arch="vgg16")])
    figure = stage_times.draw(analyse_rows(rows, arch=["alexnet", "vgg16"]), None)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["alexnet", "vgg16"]
    assert len({bar.get_facecolor() for bar in figure.axes[1].patches}) == 2


def test_the_note_counts_runs_that_shared_their_device():
    assert (
        read_note(stage_times.draw(analyse_rows(FRAME), None)) == "Timed: 2 runs beside other runs on the same device."
    )
    rows = FRAME.assign(timing=["exclusive"] * 3 + ["not recorded"])
    note = read_note(stage_times.draw(analyse_rows(rows), None))
    assert note == "Timed: 1 run alone on the device, 1 run with no record of other runs on the device."


@pytest.mark.parametrize("text", ["network", "a very long name of a network " * 8])
def test_twelve_architectures_and_all_mixtures_are_legible(text):
    names = [f"{text}{number}" for number in range(12)]
    libraries = ("faiss", "sklearn", "torch")
    every = [
        make_row(run_id=f"{arch}{mixed}", arch=arch, backend="+".join(mixed) if len(set(mixed)) > 1 else mixed[0])
        | dict(zip(("pca_backend", "whiten_backend", "kmeans_backend"), mixed, strict=True))
        for arch in names
        for mixed in product(libraries, repeat=3)
    ]
    with matplotlib.rc_context(STYLE):
        figure = stage_times.draw(analyse_rows(pd.DataFrame(every), arch=names), None)
        assert find_faults(figure) == []
    assert figure.get_figheight() < 12
