"""What every figure must do: `draw(analysis, axis)` gives a Figure or None, whatever the results hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from dcbench import registry
from dcbench.analysis.results import Results, read_results
from dcbench.analysis.summary import Analysis, analyse
from dcbench.core.matrix.expand import parse_matrix
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.run_state import RunState
from dcbench.figures import choose_axes
from dcbench.figures.style.theme import MAX_WIDTH, STYLE

MATRIX = """name: contract
axes: {optimizer: [sgd, adam], k: [5, 6], limit: [null, 500]}
settings: {epochs: 2, pca_dim: 8}
"""


def made_up(folder: Path, done: int | None = None) -> Results:
    """Return the results of eight runs with made-up metrics, of which the first `done` are finished (None: all)."""
    plan, matrix = parse_matrix(MATRIX, "contract.yaml", "float32"), MatrixDir(folder / "contract")
    status.store_plan(plan, matrix)
    for number, spec in enumerate(plan.runs):
        run = matrix.run_dir(spec.run_id)
        run.prepare(spec)
        if done is not None and number >= done:
            continue
        for epoch in range(spec.epochs + 1):
            trained = {"loss": 1.0, "pseudo_label_accuracy": 0.7, "nmi_previous": 0.6} if epoch else {}
            scores = {"nmi_true": 0.5 + 0.1 * epoch + 0.01 * number, "seconds_pca": 0.5}
            run.append_metrics({"epoch": epoch, "reassigned": 1} | scores | trained)
        run.write_state(RunState(name="done", seconds=1.0))
    return read_results(matrix)


def list_frames(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Return all frames that a figure may read, by the names that it knows them by."""
    frames = {f"analysis.{name}": frame for name, frame in vars(analysis).items() if isinstance(frame, pd.DataFrame)}
    return frames | {f"analysis.results.{name}": getattr(analysis.results, name) for name in ("runs", "rows")}


def draw_all(figure: str, analysis: Analysis) -> Iterator[Figure]:
    """Yield the figure for each axis along which a report draws it, without those that have nothing to show."""
    for axis in choose_axes(registry.facts("figures", figure), analysis):
        with matplotlib.rc_context(STYLE):
            picture = registry.load("figures", figure).draw(analysis, axis)
            assert picture is None or isinstance(picture, Figure), f"draw returned a {type(picture).__name__}"
            if picture is not None:
                try:
                    picture.draw_without_rendering()
                    yield picture
                finally:
                    plt.close(picture)  # does nothing unless the figure is one of pyplot's


def check_facts(figure: str, folder: Path) -> None:
    """FACTS has a title, a caption that is a sentence, and whether the figure is drawn for each axis."""
    facts = registry.facts("figures", figure)
    assert facts["title"], "the title is empty"
    assert str(facts["caption"]).endswith("."), "the caption does not end with a full stop"
    assert isinstance(facts["per_axis"], bool), "per_axis is neither True nor False"


def check_labels(figure: str, folder: Path) -> None:
    """Panels with axes have labels, and the figure fits into the page."""
    for picture in draw_all(figure, analyse(made_up(folder))):
        assert picture.get_figwidth() <= MAX_WIDTH, f"{picture.get_figwidth():.1f} inches wide, at most {MAX_WIDTH}"
        labels = [text for panel in picture.axes for text in (panel.get_xlabel(), panel.get_ylabel())]
        assert any(labels) or not any(panel.axison for panel in picture.axes), "no panel has a label"


def check_few_runs(figure: str, folder: Path) -> None:
    """The figure is drawn, or None is returned, when no run, one run or three runs are finished."""
    for done in (0, 1, 3):
        list(draw_all(figure, analyse(made_up(folder / str(done), done))))


def check_missing_values(figure: str, folder: Path) -> None:
    """The figure is drawn, or None is returned, when a column holds no value."""
    results = made_up(folder)
    for column in ("nmi_previous", "nmi_true"):
        results.rows[column] = float("nan")
        list(draw_all(figure, analyse(results)))


def check_results_unchanged(figure: str, folder: Path) -> None:
    """Drawing leaves the frames of the analysis as they are."""
    analysis = analyse(made_up(folder))
    before = {name: frame.copy() for name, frame in list_frames(analysis).items()}
    list(draw_all(figure, analysis))
    after = list_frames(analysis)
    changed = [name for name, frame in before.items() if not after[name].equals(frame)]
    assert not changed, f"draw changed {', '.join(changed)}; work on a copy"


def check_windows(figure: str, folder: Path) -> None:
    """Drawing opens no window and leaves nothing behind in pyplot."""
    opened = plt.get_fignums()
    for _ in draw_all(figure, analyse(made_up(folder))):
        assert plt.get_fignums() == opened, "draw makes its figure with pyplot; use matplotlib.figure.Figure"
