"""The functions and classes of `import dcbench`, for notebooks and scripts.

In: matrix files and results folders. Out: frames, figures, pages and comparisons, the same that the commands write.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dcbench import registry
from dcbench.analysis.results import Results, read_results
from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import CurveRule, parse_curve_rule
from dcbench.analysis.summary import OUTCOMES, Analysis, analyse, set_margins
from dcbench.audit.axes import Audit, audit
from dcbench.core import devices
from dcbench.core.columns import RULERS
from dcbench.core.matrix import expand
from dcbench.core.matrix.expand import Plan
from dcbench.core.spec import RunSpec
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.text import plural
from dcbench.errors import DcbenchError, DeviceError, ResultsError, unknown_name
from dcbench.execution import scheduler
from dcbench.execution.device_selection import select_devices
from dcbench.execution.scheduler import RunEvent
from dcbench.figures import choose_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dcbench.comparison.result import Comparison

__all__ = ["MatrixResults", "RunSpec", "compare", "load_results", "read_matrix", "run_matrix", "write_report"]

EFFECT_COLUMNS = ["axis", "before", "after", "mean", "low", "high", "verdict", "pairs", "cells", "seeds"]
"""Columns of the table of effects that a notebook shows."""


def parse_choices(
    margins: Mapping[str, float] | None, rules: Mapping[str, str] | None
) -> tuple[tuple[Outcome, ...], dict[str, CurveRule]]:
    """Return the metrics with these margins, and the parsed rules; DcbenchError for a wrong name, margin or rule."""
    outcomes = {outcome.name: outcome for outcome in OUTCOMES}
    for metric in {**(margins or {}), **(rules or {})}:
        if metric not in outcomes:
            raise DcbenchError(unknown_name("metric", metric, outcomes))
    for metric, margin in (margins or {}).items():
        least = 1 if outcomes[metric].ratio else 0
        if not margin > least:
            raise DcbenchError(f"margin {margin} of {metric}: must be above {least}")
    try:
        return set_margins(margins or {}), {metric: parse_curve_rule(rule) for metric, rule in (rules or {}).items()}
    except ValueError as error:
        raise DcbenchError(str(error)) from None


def check_ruler(name: str | None) -> str | None:
    """Return the name of a ruler, or None; DcbenchError if there is no such ruler."""
    if name is not None and name not in RULERS:
        raise DcbenchError(unknown_name("ruler", name, RULERS))
    return name


class MatrixResults:
    """The results of one matrix, as frames and figures.

    Nothing is read before it is used, and everything is read once.
    """

    def __init__(self, folder: MatrixDir) -> None:
        self.folder = folder

    @cached_property
    def _results(self) -> Results:
        return read_results(self.folder)

    @cached_property
    def _analyses(self) -> dict[tuple[Any, ...], Analysis]:
        return {}

    @property
    def name(self) -> str:
        """The name of the matrix."""
        return self._results.name

    @property
    def axes(self) -> dict[str, tuple[object, ...]]:
        """Each axis with its values; the name of an axis of several fields joins them with ` + `."""
        return {name: axis.values for name, axis in self.analyse().axes.items()}

    @property
    def runs(self) -> pd.DataFrame:
        """A row for each planned run of the cells, finished or not: its fields, state, reason, time and health."""
        return self._results.runs.copy()

    @property
    def metrics(self) -> pd.DataFrame:
        """A row for each epoch of each finished run: the columns of metrics.csv and the fields of the run."""
        return self._results.rows.copy()

    @property
    def baselines(self) -> pd.DataFrame:
        """A row for each baseline run with the last row of its metrics; empty without baselines."""
        return self._results.baselines.copy()

    @property
    def notes(self) -> list[str]:
        """What could not be read, and what was left out."""
        return list(self._results.notes)

    def analyse(
        self,
        margins: Mapping[str, float] | None = None,
        rules: Mapping[str, str] | None = None,
        judge_by: str | None = None,
    ) -> Analysis:
        """Return the analysis on which effects, figures and the report rest.

        Parameters
        ----------
        margins : mapping of str to float, optional
            Metric -> the largest difference that counts as the same, in place of the default.
        rules : mapping of str to str, optional
            Metric -> how its curve becomes a number, such as `mean:5` or `best:loss`; the last row where none is given.
        judge_by : str, optional
            The ruler that choices are judged by: `own`, `refit`, `l2`, `pca`, `pca_whitened`, `knn` or `probe`; by
            default `pca_whitened`, or `own` where some run was not scored by it.
        """
        key = (judge_by, *sorted((margins or {}).items()), None, *sorted((rules or {}).items()))
        if key not in self._analyses:
            self._analyses[key] = analyse(self._results, *parse_choices(margins, rules), check_ruler(judge_by))
        return self._analyses[key]

    def effects(
        self,
        metric: str | None = None,
        axis: str | None = None,
        margins: Mapping[str, float] | None = None,
        rules: Mapping[str, str] | None = None,
        by_dataset: bool = False,
    ) -> pd.DataFrame:
        """Return the paired effect of each swap: mean, interval, p-values and verdict.

        Parameters
        ----------
        metric, axis : str, optional
            Return the rows of this metric or axis only.
        margins, rules
            As for `analyse`.
        by_dataset : bool, optional
            Return the effects within each dataset rather than their mean over all datasets.
        """
        analysis = self.analyse(margins, rules)
        table = analysis.effects_by_dataset if by_dataset else analysis.effects
        for column, value in (("metric", metric), ("axis", axis)):
            if value is not None:
                if value not in set(table[column]):
                    raise DcbenchError(unknown_name(column, value, dict.fromkeys(table[column])))
                table = table[table[column] == value]
        return table.reset_index(drop=True)

    def plot(self, name: str, axis: str | None = None) -> Figure:
        """Draw a figure of the report.

        Parameters
        ----------
        name : str
            Name of the figure, such as `forest` or `curves`; `dcbench.registry.plugin_names("figures")` lists them.
        axis : str, optional
            The axis to draw along, for figures that are drawn for each axis.
        """
        import matplotlib

        from dcbench.figures.style.theme import STYLE

        analysis, facts = self.analyse(), registry.facts("figures", name)
        axes = choose_axes(facts, analysis)
        if not axes and analysis.results.rows.empty:
            raise DcbenchError(f"figure {name!r} has nothing to show: no run of {self.name} is finished")
        if axis not in axes:
            names = [other for other in axes if other is not None]
            hint = f"choose axis= from {', '.join(names)}" if names else "it is not drawn along an axis"
            raise DcbenchError(f"figure {name!r} and axis {axis!r} do not go together: {hint}")
        with matplotlib.rc_context(STYLE):
            figure: Figure | None = registry.load("figures", name).draw(analysis, axis)
        if figure is None:
            raise DcbenchError(f"figure {name!r} has nothing to show for {self.name}")
        return figure

    def audit(self) -> Audit:
        """Check that every axis acts and that every run did what its spec says."""
        return audit(self.folder)

    def __repr__(self) -> str:
        states = self._results.runs["state"].value_counts()
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        return f"MatrixResults({self.name!r}: {plural(len(self._results.runs), 'run')}, {counts})"

    def _repr_html_(self) -> str:
        analysis = self.analyse()
        table = analysis.effects[analysis.effects["metric"] == analysis.quality][EFFECT_COLUMNS]
        title = f"{html.escape(repr(self))}<br>Effects on {html.escape(analysis.quality)}:"
        return f"<p>{title}</p>{table.to_html(index=False, float_format='{:.3f}'.format, escape=True)}"


def use_plugins(plugins: Sequence[str | Path]) -> None:
    """Look for plug-ins in these folders too, from now on; PluginError for a folder that holds none."""
    registry.use_plugins([*registry.search_path(), *map(Path, plugins)])


def load_results(path: str | Path, plugins: Sequence[str | Path] = ()) -> MatrixResults:
    """Return the results of a matrix.

    Parameters
    ----------
    path : path
        The folder of the matrix in the results folder, or a results folder with a single matrix.
    plugins : sequence of paths, optional
        Folders of plug-ins of your own, such as figures for `plot`.
    """
    use_plugins(plugins)
    folders = status.find_matrix_dirs(Path(path))
    if len(folders) > 1:
        names = ", ".join(str(folder.path) for folder in folders)
        raise ResultsError(f"{path}: holds {len(folders)} matrices; name one of {names}")
    return MatrixResults(folders[0])


def read_matrix(path: str | Path, device: str = "auto", plugins: Sequence[str | Path] = ()) -> Plan:
    """Read a matrix file and expand it into planned runs.

    Parameters
    ----------
    path : path
        The matrix file. A MatrixError lists all mistakes in it, each with its line and column.
    device : str
        Where the runs will work: `auto`, `cpu` or `cuda`. It decides what `precision: auto` means.
    plugins : sequence of paths, optional
        Folders of plug-ins of your own, beside those that the file names.
    """
    use_plugins(plugins)
    kind, _ = devices.resolve_device(device)
    return expand.read_matrix(Path(path), devices.choose_precision(kind))


def run_matrix(
    matrix: str | Path | Plan,
    results: str | Path = "results",
    *,
    data_dir: str | Path | None = None,
    device: str = "auto",
    jobs: int | None = None,
    executor: str = "local",
    redo: bool = False,
    on_event: Callable[[RunEvent], None] | None = None,
    plugins: Sequence[str | Path] = (),
) -> MatrixResults:
    """Run what is missing of a matrix, and return its results.

    Failed runs raise nothing: `runs` of the results has their states and reasons. Ctrl-C lets running epochs finish,
    which leave a checkpoint, and then raises KeyboardInterrupt; the same call continues. A second Ctrl-C ends them at
    once. In another thread than the main one, Python cannot see Ctrl-C.

    Parameters
    ----------
    matrix : path or Plan
        The matrix file, or what `read_matrix` returned.
    results : path
        Where results are kept, a folder for each matrix.
    data_dir : path, optional
        Where datasets are kept; by default $DCBENCH_DATA, else the user's cache folder.
    device : str
        `auto`, `cpu`, `cuda` or `cuda:N`.
    jobs : int, optional
        Runs at the same time on the CPU; by default one for each core. The executor `inline` allows only 1.
    executor : str
        `local` starts a worker process for each run. A script must then guard its main part with
        `if __name__ == "__main__":`, as for any use of multiprocessing. `inline` runs everything in this process.
    redo : bool
        Also repeat the runs that are done.
    on_event : function, optional
        Called with a RunEvent whenever a run starts, is tried again, or ends. What it raises stops the runs.
    plugins : sequence of paths, optional
        Folders of plug-ins of your own, beside those that the matrix names.
    """
    use_plugins(plugins)
    plan = matrix if isinstance(matrix, Plan) else read_matrix(matrix, device)
    folder = MatrixDir(Path(results) / plan.name)
    selection = select_devices(device, "all", "auto", jobs)
    # Before anything is stored: a wrong name must leave no trace.
    registry.find("executors", executor)
    if executor == "inline":
        if jobs not in (None, 1):
            raise DeviceError(f"jobs={jobs}: the inline executor executes one run after another; use executor='local'")
        selection = selection.one_at_a_time()
    status.store_plan(plan, folder)
    runs = scheduler.select_runs(status.read_planned_runs(plan, folder), redo)
    data = None if data_dir is None else Path(data_dir)
    config = selection.worker_config(len(runs), data, redo=redo, command="dcbench.run_matrix")
    settings = scheduler.make_settings(config, selection.gpus, runs, Path(results))
    # Closed here: when `on_event` raises, the workers end before the error goes on.
    with settings.interrupts.counting(), closing(scheduler.run(runs, executor, settings)) as events:
        for event in events:
            if on_event is not None and isinstance(event, RunEvent):
                on_event(event)
    if settings.interrupts.count:
        raise KeyboardInterrupt(f"stopped; run_matrix({plan.name!r}, ...) continues")
    return MatrixResults(folder)


def write_report(
    path: str | Path,
    out: str | Path = "reports",
    *,
    formats: Sequence[str] | None = None,
    margins: Mapping[str, float] | None = None,
    rules: Mapping[str, str] | None = None,
    judge_by: str | None = None,
    plugins: Sequence[str | Path] = (),
) -> Path:
    """Write the report of a matrix: figures, tables and the page; return the path of the page.

    Parameters
    ----------
    path : path
        The folder of the matrix in the results folder.
    out : path
        Where reports are written, a folder for each matrix.
    formats : sequence of str, optional
        Formats of figures (`png`, `svg`, `pdf`), tables (`csv`, `md`, `tex`) and rows (`parquet`); by default all.
    margins, rules, judge_by
        As for `MatrixResults.analyse`.
    plugins : sequence of paths, optional
        Folders of plug-ins of your own, such as figures.
    """
    from dcbench.report import writing

    for name in formats or ():
        if name not in writing.FORMATS:
            raise DcbenchError(unknown_name("format", name, writing.FORMATS))
    outcomes, parsed = parse_choices(margins, rules)
    options = writing.ReportSettings(
        outcomes=outcomes,
        rules=parsed,
        ruler=check_ruler(judge_by),
        formats=tuple(formats or writing.FORMATS),
    )
    return writing.write_report(load_results(path, plugins).folder, Path(out), options).page


def compare(
    old: str | Path | MatrixResults,
    new: str | Path | MatrixResults,
    *,
    margins: Mapping[str, float] | None = None,
    rules: Mapping[str, str] | None = None,
    plugins: Sequence[str | Path] = (),
) -> Comparison:
    """Compare two result sets of one matrix run by run; `as_json` of the comparison has all of it as plain data.

    Parameters
    ----------
    old, new : paths or MatrixResults
        The two result sets.
    margins, rules
        As for `MatrixResults.analyse`.
    plugins : sequence of paths, optional
        Folders of plug-ins of your own that the runs used, where the results do not remember them.
    """
    from dcbench.comparison.measuring import compare_results

    use_plugins(plugins)
    first, second = (side if isinstance(side, MatrixResults) else load_results(side) for side in (old, new))
    return compare_results(first._results, second._results, *parse_choices(margins, rules))
