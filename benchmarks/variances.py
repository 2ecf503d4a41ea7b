"""Measure what varies in committed results: `python -m benchmarks.variances` writes docs/variances.csv.

For each matrix with several seeds, each dataset, score and swap: the variance components of the matched differences
(`dcbench/analysis/statistics/components.py` has the formulas). `python -m benchmarks.power` makes of this table what
`dcbench plan` needs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from dcbench.analysis.results import read_results
from dcbench.analysis.statistics.components import estimate_components
from dcbench.analysis.statistics.matching import make_grid, match_runs
from dcbench.analysis.summary import Analysis, analyse
from dcbench.core.spec import CONDITIONS
from dcbench.core.store.run_dir import MatrixDir

TOP = Path(__file__).parent.parent
TABLE = TOP / "docs" / "variances.csv"
MATRICES = ("small_cpu", "adam_lr_cpu")
"""Committed matrices with swaps and at least three seeds."""

METRICS = ("nmi_true", "cluster_accuracy", "test_refit_nmi_true", "test_refit_cluster_accuracy")
VARIANCES = ("seed_level", "seed_by_effect", "cell_by_effect", "residual", "seed_means")


def main() -> None:
    table = measure_all()
    table.to_csv(TABLE, index=False, float_format="%.3g")
    print(TABLE.read_text(), end="")


def measure_all() -> pd.DataFrame:
    """Return a row for each matrix, dataset, metric and swap of choices."""
    rows = []
    for name in MATRICES:
        analysis = analyse(read_results(MatrixDir(TOP / "results" / name)))
        for dataset in analysis.axis_values["dataset"]:
            rows += [{"matrix": name, "dataset": dataset} | row for row in measure_dataset(analysis, dataset)]
    return pd.DataFrame(rows)


def measure_dataset(analysis: Analysis, dataset: object) -> Iterator[dict[str, Any]]:
    """Yield the components of each metric and swap on one dataset.

    `seed_level` is the variance of the scores themselves over the seeds, each averaged over cells and both sides.
    """
    finals = analysis.finals[analysis.finals["dataset"] == dataset]
    axes = {axis: values for axis, values in analysis.axis_values.items() if axis not in CONDITIONS}
    for metric, (axis, values) in itertools.product(METRICS, axes.items()):
        grid = make_grid(finals, [axis], [other for other in axes if other != axis])
        for before, after in itertools.combinations(values, 2):
            runs = match_runs(grid, finals[metric].to_numpy(dtype=float), (before, after))
            differences = runs.metric[1] - runs.metric[0]
            components = estimate_components(differences)
            swap = {"metric": metric, "axis": axis, "before": before, "after": after}
            counts = {"seeds": runs.seeds, "cells": runs.cells, "effect": components.effect}
            levels = runs.metric.mean(axis=(0, 2)).var(ddof=1)
            yield swap | counts | {"seed_level": levels} | {name: getattr(components, name) for name in VARIANCES[1:]}


if __name__ == "__main__":
    main()
