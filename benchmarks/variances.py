"""Measure what varies in committed results: `python -m benchmarks.variances` writes docs/variances.csv.

For each dataset, score and swap of each matrix: the variance components of the matched differences
(`dcbench/analysis/statistics/components.py` has the formulas), and how heavy their tails are. `python -m
benchmarks.power` makes of this table what `dcbench plan` needs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from dcbench.analysis.results import read_results
from dcbench.analysis.statistics.components import estimate_components
from dcbench.analysis.statistics.matching import make_grid, match_runs
from dcbench.analysis.summary import Analysis, analyse
from dcbench.core.spec import CONDITIONS, format_value
from dcbench.core.store.run_dir import MatrixDir

TOP = Path(__file__).parent.parent
TABLE = TOP / "docs" / "variances.csv"
MATRICES = ("small_cpu", "adam_lr_cpu", "mnist_cifar_cpu")
"""Committed matrices with swaps. The last one has one seed and many cells: it shows how far effects differ by cell."""

METRICS = (
    "nmi_true", "cluster_accuracy", "test_refit_nmi_true", "test_refit_cluster_accuracy", "pca_whitened_nmi_true",
    "test_probe_accuracy",
)  # fmt: skip
VARIANCES = ("seed_by_effect", "cell_by_effect", "residual", "seed_means", "cell_means")
MIN_PAIRS = 12
"""The fewest pairs whose excess kurtosis is shown."""


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

    `seed_level` is the variance of the scores themselves over the seeds, each averaged over cells and both sides;
    `kurtosis` is the excess kurtosis of the differences less the mean of their seed.
    """
    finals = analysis.finals[analysis.finals["dataset"] == dataset]
    axes = {axis: values for axis, values in analysis.axis_values.items() if axis not in CONDITIONS}
    for metric, (axis, values) in itertools.product(METRICS, axes.items()):
        grid = make_grid(finals, [axis], [other for other in axes if other != axis])
        for before, after in itertools.combinations(values, 2):
            runs = match_runs(grid, finals[metric].to_numpy(dtype=float), (before, after))
            differences = runs.metric[1] - runs.metric[0]
            components = estimate_components(differences)
            centred = differences - differences.mean(axis=1, keepdims=True)
            yield {
                "metric": metric, "axis": axis, "before": format_value(before), "after": format_value(after),
                "seeds": runs.seeds, "cells": runs.cells, "effect": components.effect,
                "seed_level": runs.metric.mean(axis=(0, 2)).var(ddof=1) if runs.seeds > 1 else math.nan,
                **{name: getattr(components, name) for name in VARIANCES},
                "kurtosis": stats.kurtosis(centred.ravel()) if centred.size >= MIN_PAIRS else math.nan,
            }  # fmt: skip


if __name__ == "__main__":
    main()
