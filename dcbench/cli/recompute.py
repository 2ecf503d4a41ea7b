"""`dcbench recompute`: compute the scores of finished runs again from their predictions."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dcbench.cli.options import DataDirOption, JsonOption, PluginsOption, print_error
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.status import find_matrix_dirs
from dcbench.core.worker_config import default_data_dir
from dcbench.errors import ResultsError


def recompute(
    path: Annotated[
        Path,
        typer.Argument(metavar="RESULTS", help="A results folder, the folder of a matrix in it, or that of a run."),
    ] = Path("results"),
    data_dir: DataDirOption = None,
    plugins: PluginsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute every score again from the predictions in assignments.npz, and compare it with metrics.csv.

    True labels are compared with the dataset if it is on this machine; nothing is downloaded.

    Exit code 1 if anything differs, a file is damaged or nothing could be checked, 2 for bad input.
    """
    # Imported here because this loads scikit-learn, and `dcbench --help` must stay instant.
    from dcbench.recompute.measuring import recompute_matrix, recompute_run_dir
    from dcbench.recompute.terminal import show_limits, show_recomputed

    data = (data_dir or default_data_dir()).absolute()
    if RunDir(path).spec_file.is_file():
        measures = [partial(recompute_run_dir, path, data)]
    else:
        measures = [partial(recompute_matrix, folder, data) for folder in find_matrix_dirs(path)]
    results, has_error = [], False
    for measure in measures:
        # A matrix that cannot be read does not hide the others.
        try:
            result = measure()
        except ResultsError as error:
            print_error(error)
            has_error = True
            continue
        results.append(result)
        if not as_json:
            show_recomputed(result)
    if as_json:
        print(json.dumps([result.as_json() for result in results]))
    elif results:
        show_limits()
    if has_error:
        raise typer.Exit(2)
    if not (all(result.passed for result in results) and any(result.recomputed for result in results)):
        raise typer.Exit(1)
